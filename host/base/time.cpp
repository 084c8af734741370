#include "host/base/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace dream::host {

namespace {

// "2024-01-15T10:30:00", in UTC.
std::string date_and_time(std::chrono::sys_seconds whole) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace

std::string rfc3339(std::chrono::system_clock::time_point time) {
  using std::chrono::floor;
  const auto whole = floor<std::chrono::seconds>(time);
  const auto micros = floor<std::chrono::microseconds>(time - whole).count();
  return fmt::format("{}.{:06}+00:00", date_and_time(whole), micros);
}

std::string rfc3339_ms(std::chrono::system_clock::time_point time) {
  using std::chrono::floor;
  const auto whole = floor<std::chrono::seconds>(time);
  const auto millis = floor<std::chrono::milliseconds>(time - whole).count();
  return fmt::format("{}.{:03}Z", date_and_time(whole), millis);
}

double seconds_between(std::chrono::system_clock::time_point from,
                       std::chrono::system_clock::time_point to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

std::string seconds_text(std::chrono::milliseconds time) {
  return fmt::format("{} s", static_cast<double>(time.count()) / 1000);
}

}  // namespace dream::host
