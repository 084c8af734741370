// Durations as people write them.
#include "host/predictions/duration.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dream::host {
namespace {

TEST(Duration, TakesNumbersAndUnits) {
  const std::pair<const char*, int> good[] = {
      {"0", 0},    {"90", 90},  {"90s", 90},       {"5m", 300},
      {"2h", 7200}, {"1h30m", 5400}, {"1h30m45s", 5445}, {"1h5s", 3605}};
  for (const auto& [text, seconds] : good) {
    const auto got = parse_duration(text);
    ASSERT_TRUE(got.has_value()) << text;
    EXPECT_EQ(got->count(), seconds) << text;
  }
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "1x", "-1", "+1", "1.5", " 1", "1 ", "1m1h", "1m1m", "1h30",
                           "1 h", "99999999999999999999", "9999999h", "1e3", "one minute"})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

}  // namespace
}  // namespace dream::host
