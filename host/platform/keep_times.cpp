#include "host/platform/keep_times.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "host/base/text.hpp"
#include "host/predictions/duration.hpp"

namespace dream::host {
namespace {

constexpr int most_days = 36'500;

}  // namespace

KeepTimes::Time parse_keep_time(std::string_view text) {
  if (text == "forever") return std::nullopt;
  if (text.ends_with('d')) {
    const auto days = parse_number<int>(text.substr(0, text.size() - 1));
    if (days && *days >= 0 && *days <= most_days) return std::chrono::hours(24) * *days;
  } else if (const auto duration = parse_duration(text)) {
    return *duration;
  }
  throw std::invalid_argument(fmt::format(
      "'{}' is no time to keep something: 30d, 12h, 90m, 1h30m, seconds, or forever", text));
}

}  // namespace dream::host
