// How long things are kept, as people write it.
#include "host/platform/keep_times.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "host/platform/collector.hpp"

namespace dream::host {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(KeepTimesTest, ReadsTimes) {
  EXPECT_EQ(parse_keep_time("forever"), std::nullopt);
  EXPECT_EQ(parse_keep_time("30d"), hours(720));
  EXPECT_EQ(parse_keep_time("1h30m"), seconds(5400));
  EXPECT_EQ(parse_keep_time("90"), seconds(90));
  EXPECT_EQ(parse_keep_time("0"), seconds(0));
  for (const char* text : {"", "d", "1y", "-1d", "30 d", "1.5d", "Forever", "99999999d"})
    EXPECT_THROW(parse_keep_time(text), std::invalid_argument) << text;
}

TEST(KeepTimesTest, LooksMoreOftenWhereTimesAreShort) {
  KeepTimes keep;
  EXPECT_EQ(pause_between_rounds(keep), seconds(60));
  keep.files = seconds(50);
  EXPECT_EQ(pause_between_rounds(keep), milliseconds(5000));
  keep.predictions = seconds(0);
  EXPECT_EQ(pause_between_rounds(keep), seconds(1));
  EXPECT_EQ(pause_between_rounds({std::nullopt, std::nullopt, std::nullopt}), seconds(60));
}

}  // namespace
}  // namespace dream::host
