// COG_LOG_LEVEL and LOG_FORMAT, as Cog's servers read them.
#pragma once

#include <string>
#include <vector>

namespace dream::host {

struct LogVariables {
  bool json = false;
  std::string level = {};                  // empty: unset
  std::vector<std::string> warnings = {};  // of values that are none
};

LogVariables log_variables();

}  // namespace dream::host
