// What a check of a template found: one row per check, as text for people and JSON for machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host::check {

enum class Result { pass, fail, skip };

// What one check says of the template; `detail` is one line.
struct Verdict {
  Result result = Result::pass;
  std::string detail;
};

inline Verdict pass(std::string detail = {}) {
  return {Result::pass, std::move(detail)};
}
inline Verdict fail(std::string detail) {
  return {Result::fail, std::move(detail)};
}
inline Verdict skip(std::string detail) {
  return {Result::skip, std::move(detail)};
}

struct Row {
  std::string name;
  Verdict verdict;
  double time_ms = 0;
};

struct Report {
  std::filesystem::path file;
  std::uint64_t seed = 0;
  std::vector<Row> rows;

  bool passed() const;  // no row failed
};

// "  bad-input      FAIL    312 ms  killed by signal 11 (SIGSEGV) …", with a line end.
std::string row_line(const Row& row);
// "12 passed, 1 skipped: the template passes", with a line end.
std::string closing_line(const Report& report);
nlohmann::ordered_json to_json(const Report& report);

// At most `limit` bytes of `text` on one line, cut between characters, control characters escaped.
std::string one_line(std::string_view text, std::size_t limit = 300);

}  // namespace dream::host::check
