// How a large file is split, and which state files are believed.
#include "host/downloads/range_plan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dream::host {
namespace {

TEST(RangePlan, PartsTileTheFile) {
  for (const std::uint64_t bytes : {0ULL, 1ULL, (8ULL << 20) - 1, 8ULL << 20, 123456789ULL}) {
    for (const unsigned connections : {0U, 1U, 3U, 16U}) {
      const auto ranges = plan_ranges(bytes, connections);
      ASSERT_FALSE(ranges.empty());
      EXPECT_LE(ranges.size(), std::max(connections, 1U));
      std::uint64_t next = 0;
      for (const Range& range : ranges) {
        EXPECT_EQ(range.begin, next);
        EXPECT_EQ(range.done, 0U);
        next = range.end;
        if (ranges.size() > 1) {
          EXPECT_GE(range.end - range.begin, 4U << 20);
        }
      }
      EXPECT_EQ(next, bytes);
    }
  }
  EXPECT_EQ(plan_ranges((8ULL << 20) - 1, 4).size(), 1U);
  EXPECT_EQ(plan_ranges(64ULL << 20, 4).size(), 4U);
}

TEST(RangePlan, SurvivesItsStateFile) {
  RangePlan plan{"https://example.com/x", "W/\"e\"", "Mon", 100, {{0, 40, 40}, {40, 100, 7}}};
  const auto again = plan_from_json(to_json(plan));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->etag, plan.etag);
  EXPECT_EQ(again->last_modified, plan.last_modified);
  EXPECT_EQ(again->ranges[1].done, 7U);
}

TEST(RangePlan, OddStateIsNotBelieved) {
  const nlohmann::json good = {
      {"url", "u"}, {"etag", "e"}, {"size", 10}, {"ranges", {{0, 4, 1}, {4, 10, 0}}}};
  ASSERT_TRUE(plan_from_json(good));
  const auto with = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json json = good;
    json[key] = value;
    return plan_from_json(json).has_value();
  };
  EXPECT_FALSE(with("size", 11));
  EXPECT_FALSE(with("ranges", {{0, 4, 5}, {4, 10, 0}}));
  EXPECT_FALSE(with("ranges", {{0, 4, 1}, {5, 10, 0}}));
  EXPECT_FALSE(with("ranges", nlohmann::json::array()));
  EXPECT_FALSE(with("ranges", 3));
  EXPECT_FALSE(with("url", 3));
  EXPECT_FALSE(plan_from_json(nlohmann::json()));
}

}  // namespace
}  // namespace dream::host
