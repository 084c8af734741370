#include "sdk/engine/kernels/switches.hpp"

#include <cstdlib>

namespace dream::engine {

bool is_on(std::string_view name) {
  const char* const value = std::getenv("DREAM_ENGINE_WITHOUT");
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    if (rest.substr(0, comma) == name) return false;
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return true;
}

}  // namespace dream::engine
