// Holds a flood of lines down to what a server's log can take: so many a second go through, the
// others are counted.
#pragma once

#include <chrono>
#include <cstdint>

namespace dream::host {

class LineLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::uint64_t per_second = 200;

  // May this line go through?
  bool pass(Time now = std::chrono::steady_clock::now()) {
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      passed_ = 0;
    }
    const bool passes = passed_ < per_second;
    ++(passes ? passed_ : dropped_);
    return passes;
  }
  // How many did not since the last call; to be told before the next line that passes.
  std::uint64_t take_dropped() {
    const std::uint64_t dropped = dropped_;
    dropped_ = 0;
    return dropped;
  }

 private:
  Time second_{};
  std::uint64_t passed_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace dream::host
