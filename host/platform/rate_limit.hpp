// How many requests a token may make in a time: a bucket for each token and kind of request, which
// fills again steadily. Of this process; safe from any thread.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace dream::host {

struct RateLimits {
  int predictions = 600;  // a minute, made; 0: no limit
  int others = 3000;      // a minute
};

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimiter(const RateLimits& limits) : limits_(limits) {}

  struct Taken {
    bool allowed = true;
    bool is_limited = false;  // else there is nothing to tell
    int remaining = 0;        // requests that may follow at once
    int reset_s = 0;          // until all of them may again; if not allowed: until the next may
  };
  // `own`: of this token, in the place of what all have.
  Taken take(const std::string& token, bool is_prediction, Clock::time_point now = Clock::now(),
             std::optional<int> own = {});

 private:
  struct Bucket {
    double left = 0;
    Clock::time_point at;
  };
  void forget_full(Clock::time_point now);

  RateLimits limits_;
  std::mutex mutex_;
  std::map<std::pair<std::string, bool>, Bucket> buckets_;
};

}  // namespace dream::host
