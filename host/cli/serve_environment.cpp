#include "host/cli/serve_environment.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "host/base/logging.hpp"
#include "host/base/text.hpp"

namespace dream::host {
namespace {

void ignore(const char* name, std::string_view value, const char* wanted) {
  log_at("warning", fmt::format("{}='{}' is ignored: it is not {}", name, value, wanted));
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

int concurrency_from_environment() {
  const std::string_view text = variable("COG_MAX_CONCURRENCY");
  if (text.empty()) return 1;
  const auto number = parse_number<int>(text);
  if (number && *number >= 1 && *number <= 256) return *number;
  ignore("COG_MAX_CONCURRENCY", text, "a whole number from 1 to 256");
  return 1;
}

std::chrono::seconds setup_limit_from_environment() {
  const std::string_view text = variable("COG_SETUP_TIMEOUT");
  const auto number = parse_number<int>(text);
  if (number && *number >= 0) return std::chrono::seconds(*number);
  if (!text.empty()) ignore("COG_SETUP_TIMEOUT", text, "a whole number of seconds");
  return std::chrono::seconds(0);
}

}  // namespace dream::host
