// Buckets empty at once and fill again steadily, each account's apart from the others'.
#include "host/platform/rate_limit.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

using std::chrono::seconds;

TEST(RateLimitTest, TakesAsManyAsAMinuteHasAndThenWaits) {
  RateLimiter limiter({.predictions = 6, .others = 60});
  const RateLimiter::Clock::time_point now{};
  for (int left = 5; left >= 0; --left) {
    const auto taken = limiter.take("anna", true, now);
    EXPECT_TRUE(taken.allowed);
    EXPECT_EQ(taken.remaining, left);
  }
  const auto refused = limiter.take("anna", true, now);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0);
  EXPECT_EQ(refused.reset_s, 10);
  EXPECT_TRUE(limiter.take("ben", true, now).allowed);
  EXPECT_TRUE(limiter.take("anna", false, now).allowed);
  EXPECT_FALSE(limiter.take("anna", true, now + seconds(9)).allowed);
  EXPECT_TRUE(limiter.take("anna", true, now + seconds(10)).allowed);
  EXPECT_FALSE(limiter.take("anna", true, now + seconds(10)).allowed);
  EXPECT_EQ(limiter.take("anna", true, now + seconds(1000)).remaining, 5);
}

TEST(RateLimitTest, ATokenMayHaveItsOwn) {
  RateLimiter limiter({.predictions = 0, .others = 60});
  const RateLimiter::Clock::time_point now{};
  EXPECT_TRUE(limiter.take("slow", true, now, 1).allowed);
  EXPECT_FALSE(limiter.take("slow", true, now, 1).allowed);
  EXPECT_EQ(limiter.take("other", false, now, {}).remaining, 59);
}

TEST(RateLimitTest, ZeroIsNoLimit) {
  RateLimiter limiter({.predictions = 0, .others = 1});
  for (int i = 0; i < 1000; ++i) {
    const auto taken = limiter.take("anna", true);
    EXPECT_TRUE(taken.allowed);
    EXPECT_FALSE(taken.is_limited);
  }
}

}  // namespace
}  // namespace dream::host
