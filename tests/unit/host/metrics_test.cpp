// Custom metrics: modes, dotted names, and what is refused.
#include "host/predictions/metrics.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

namespace dream::host {
namespace {

using nlohmann::json;

TEST(Metrics, ReplaceIncrementAppend) {
  json metrics = json::object();
  record_metric(metrics, "a", 1, "replace");
  record_metric(metrics, "a", 2.5, "replace");
  record_metric(metrics, "b", 1, "increment");
  record_metric(metrics, "b", 2, "increment");
  record_metric(metrics, "b", 0.5, "increment");
  record_metric(metrics, "c", "x", "append");
  record_metric(metrics, "c", 7, "append");
  EXPECT_EQ(metrics, (json{{"a", 2.5}, {"b", 3.5}, {"c", {"x", 7}}}));
}

TEST(Metrics, IntegersStayIntegers) {
  json metrics = json::object();
  record_metric(metrics, "n", 1, "increment");
  record_metric(metrics, "n", 41, "increment");
  EXPECT_TRUE(metrics["n"].is_number_integer());
  EXPECT_EQ(metrics["n"], 42);
}

TEST(Metrics, DottedNamesNest) {
  json metrics = json::object();
  record_metric(metrics, "timing.unet.step_s", 0.5, "replace");
  record_metric(metrics, "timing.vae", 1, "replace");
  EXPECT_EQ(metrics, json::parse(R"({"timing":{"unet":{"step_s":0.5},"vae":1}})"));
}

TEST(Metrics, NullDeletes) {
  json metrics = {{"a", 1}};
  record_metric(metrics, "a", nullptr, "replace");
  EXPECT_FALSE(metrics.contains("a"));
  record_metric(metrics, "a", nullptr, "replace");
  EXPECT_FALSE(metrics.contains("a"));
}

// As Cog's server merges what its workers let through.
TEST(Metrics, WhatDoesNotFitGivesWay) {
  json metrics = {{"n", 1}, {"s", "text"}};
  record_metric(metrics, "n", "text", "replace");
  record_metric(metrics, "s", 1, "increment");
  record_metric(metrics, "s", "more", "append");
  EXPECT_EQ(metrics, (json{{"n", "text"}, {"s", {"text", "more"}}}));
  record_metric(metrics, "n.below", 1, "replace");
  EXPECT_EQ(metrics["n"], (json{{"below", 1}}));
}

TEST(Metrics, RefusalsChangeNothing) {
  json metrics = {{"a", 1}, {"s", "text"}};
  const json before = metrics;
  const std::string long_name(129, 'x');
  for (const char* name : {"", ".a", "a.", "a..b", "a.b.c.d.e", "predict_time", long_name.c_str()})
    EXPECT_THROW(record_metric(metrics, name, 1, "replace"), std::invalid_argument) << name;
  EXPECT_THROW(record_metric(metrics, "x.y", 1, "average"), std::invalid_argument);
  EXPECT_EQ(metrics, before);
}

TEST(Metrics, IncrementDoesNotOverflow) {
  json metrics = {{"n", std::numeric_limits<std::int64_t>::max()}};
  record_metric(metrics, "n", 1, "increment");
  EXPECT_DOUBLE_EQ(metrics["n"].get<double>(), 9223372036854775808.0);
}

}  // namespace
}  // namespace dream::host
