#include "host/check/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/base/text.hpp"

namespace dream::host::check {
namespace {

std::string_view text_of(Result result) {
  switch (result) {
    case Result::pass:
      return "pass";
    case Result::fail:
      return "FAIL";
    case Result::skip:
      return "skip";
  }
  return "FAIL";
}

long count(const Report& report, Result result) {
  return std::count_if(report.rows.begin(), report.rows.end(),
                       [&](const Row& row) { return row.verdict.result == result; });
}

}  // namespace

bool Report::passed() const {
  return count(*this, Result::fail) == 0;
}

std::string row_line(const Row& row) {
  return fmt::format("  {:<12} {}  {:>6.0f} ms  {}\n", row.name, text_of(row.verdict.result),
                     row.time_ms, row.verdict.detail);
}

std::string closing_line(const Report& report) {
  std::string line = fmt::format("{} passed", count(report, Result::pass));
  if (const long failed = count(report, Result::fail)) line += fmt::format(", {} FAILED", failed);
  if (const long skipped = count(report, Result::skip))
    line += fmt::format(", {} skipped", skipped);
  return line + (report.passed() ? ": the template is sound\n" : ": the template has faults\n");
}

nlohmann::ordered_json to_json(const Report& report) {
  auto rows = nlohmann::ordered_json::array();
  for (const Row& row : report.rows) {
    std::string result(text_of(row.verdict.result));
    if (row.verdict.result == Result::fail) result = "fail";
    rows.push_back({{"name", row.name},
                    {"result", result},
                    {"time_ms", row.time_ms},
                    {"detail", row.verdict.detail}});
  }
  return {{"file", report.file.string()},
          {"seed", report.seed},
          {"passed", report.passed()},
          {"checks", std::move(rows)}};
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (line.size() >= limit && (byte & 0xC0) != 0x80) return line + "…";
    if (byte >= 0x20 && byte != 0x7f)
      line += c;
    else if (c == '\n')
      line += " | ";
    else
      line += fmt::format("\\x{:02x}", byte);
  }
  while (line.ends_with(" | ")) line.resize(line.size() - 3);
  return line;
}

}  // namespace dream::host::check
