#include "host/cli/log_variables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "host/base/text.hpp"

namespace dream::host {

LogVariables log_variables() {
  LogVariables found;
  const auto read = [&](const char* name, const auto& allowed) {
    const char* const value = std::getenv(name);
    const std::string word = value == nullptr ? "" : lower(value);
    if (word.empty() || std::find(allowed.begin(), allowed.end(), word) != allowed.end())
      return word;
    found.warnings.push_back(fmt::format("{}='{}' is ignored: it is none of {}", name, value,
                                         fmt::join(allowed, ", ")));
    return std::string();
  };
  using Words = std::array<std::string_view, 5>;
  found.level = read("COG_LOG_LEVEL", Words{"debug", "info", "warning", "warn", "error"});
  found.json = read("LOG_FORMAT", std::array<std::string_view, 3>{"json", "console", "text"}) ==
               "json";
  return found;
}

}  // namespace dream::host
