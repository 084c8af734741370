// Time as the wire shows it: RFC 3339 in UTC, microseconds, the form Cog's clients parse.
#pragma once

#include <chrono>
#include <string>

namespace dream::host {

// "2024-01-15T10:30:00.123456+00:00"
std::string rfc3339(std::chrono::system_clock::time_point time);

// "2024-01-15T10:30:00.123Z"
std::string rfc3339_ms(std::chrono::system_clock::time_point time);

// Seconds from `from` to `to`, never negative (the system clock may step back).
double seconds_between(std::chrono::system_clock::time_point from,
                       std::chrono::system_clock::time_point to);

// "1.5 s", for messages.
std::string seconds_text(std::chrono::milliseconds time);

}  // namespace dream::host
