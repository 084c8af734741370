#include "host/cli/serve_environment.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace dream::host {
namespace {

// Read before logging is set up, so it goes to stderr as it is.
void ignore(const char* name, std::string_view value, const char* wanted) {
  fmt::print(stderr, "dream: {}='{}' is ignored: it is not {}\n", name, value, wanted);
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

int concurrency_from_environment() {
  const std::string_view text = variable("COG_MAX_CONCURRENCY");
  if (text.empty()) return 1;
  const auto number = whole_number(text);
  if (number && *number >= 1 && *number <= 256) return *number;
  ignore("COG_MAX_CONCURRENCY", text, "a whole number from 1 to 256");
  return 1;
}

std::chrono::seconds setup_limit_from_environment() {
  const std::string_view text = variable("COG_SETUP_TIMEOUT");
  const auto number = whole_number(text);
  if (number && *number >= 0) return std::chrono::seconds(*number);
  if (!text.empty()) ignore("COG_SETUP_TIMEOUT", text, "a whole number of seconds");
  return std::chrono::seconds(0);
}

std::string log_level_from_environment() {
  const std::string_view text = variable("COG_LOG_LEVEL");
  if (text.empty()) return "";
  if (text == "warn") return "warning";
  for (const char* level : {"debug", "info", "warning", "error"})
    if (text == level) return level;
  ignore("COG_LOG_LEVEL", text, "one of debug, info, warn, warning, error");
  return "";
}

std::string log_format_from_environment() {
  const std::string_view text = variable("LOG_FORMAT");
  if (text.empty()) return "";
  if (text == "console" || text == "text") return "text";
  if (text == "json") return "json";
  ignore("LOG_FORMAT", text, "one of json, text, console");
  return "";
}

}  // namespace dream::host
