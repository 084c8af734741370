// How long the platform keeps what no version needs.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace dream::host {

// Nothing: for ever.
struct KeepTimes {
  using Time = std::optional<std::chrono::seconds>;
  Time trainings = std::chrono::hours(24 * 30);   // since they ended
  Time predictions = std::chrono::hours(24);      // since they ended
  Time files = std::chrono::hours(24 * 7);        // since they were uploaded
};

// "forever", days ("30d"), or a duration as parse_duration() has it ("90", "1h30m"). Throws
// std::invalid_argument that names the text and what is allowed.
KeepTimes::Time parse_keep_time(std::string_view text);

}  // namespace dream::host
