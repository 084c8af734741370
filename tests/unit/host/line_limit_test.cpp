// Floods of lines on their way to the server's log.
#include "host/workers/line_limit.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

TEST(LineLimit, LetsSoManyASecondThroughAndCountsTheOthers) {
  LineLimit limit;
  LineLimit::Time now{std::chrono::hours(1)};
  std::uint64_t passed = 0;
  for (int i = 0; i < 1000; ++i) passed += limit.pass(now) ? 1 : 0;
  EXPECT_EQ(passed, LineLimit::per_second);
  EXPECT_TRUE(limit.pass(now + std::chrono::seconds(1)));
  EXPECT_EQ(limit.take_dropped(), 1000 - LineLimit::per_second);
  EXPECT_EQ(limit.take_dropped(), 0U);
}

}  // namespace
}  // namespace dream::host
