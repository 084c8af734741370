#include "host/platform/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace dream::host {
namespace {

constexpr std::chrono::seconds period{60};
constexpr std::size_t most_buckets = 10'000;

}  // namespace

RateLimiter::Taken RateLimiter::take(const std::string& token, bool is_prediction,
                                     Clock::time_point now, std::optional<int> own) {
  const int most = own.value_or(is_prediction ? limits_.predictions : limits_.others);
  if (most == 0) return {};
  const double a_second = static_cast<double>(most) / static_cast<double>(period.count());
  const std::lock_guard lock(mutex_);
  if (buckets_.size() > most_buckets) forget_full(now);
  const auto [found, is_new] =
      buckets_.try_emplace({token, is_prediction}, Bucket{static_cast<double>(most), now});
  Bucket& bucket = found->second;
  const std::chrono::duration<double> passed = now - bucket.at;
  bucket.left = std::min<double>(most, bucket.left + passed.count() * a_second);
  bucket.at = now;
  Taken taken{.is_limited = true};
  taken.allowed = bucket.left >= 1;
  if (taken.allowed) bucket.left -= 1;
  taken.remaining = static_cast<int>(bucket.left);
  const double lacking = taken.allowed ? most - bucket.left : 1 - bucket.left;
  taken.reset_s = static_cast<int>(std::ceil(lacking / a_second));
  return taken;
}

// A token that has asked for nothing in a whole period is as new.
void RateLimiter::forget_full(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& each) { return now - each.second.at > period; });
}

}  // namespace dream::host
