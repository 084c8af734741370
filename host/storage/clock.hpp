// Time as the tables hold it: microseconds since 1970 in UTC.
#pragma once

#include <chrono>
#include <cstdint>

namespace dream::host {

using Micros = std::int64_t;

inline Micros to_micros(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
inline Micros now_micros() { return to_micros(std::chrono::system_clock::now()); }
inline std::chrono::system_clock::time_point from_micros(Micros time) {
  return std::chrono::system_clock::time_point(std::chrono::microseconds(time));
}

}  // namespace dream::host
