// Durations as people write them in headers and on the command line: "90", "90s", "5m", "1h30m45s".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace dream::host {

// Hours, minutes and seconds in this order, each at most once and whole; a number alone is seconds.
// The form of Replicate's Cancel-After header. Nothing for any other text, and for more than a
// year.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace dream::host
