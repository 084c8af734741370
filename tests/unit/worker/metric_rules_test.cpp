#include "host/worker/sdk_host/metric_rules.hpp"

#include <gtest/gtest.h>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

std::string name_error(const std::string& name) {
  try {
    check_metric_name(name);
    return "";
  } catch (const SdkError& error) {
    return error.what();
  }
}

// The expected texts are those of a Cog 0.23.1 server.
TEST(MetricName, is_checked_with_cogs_words) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "metric name must not be empty"},
      {".a", "metric name must not start with a dot"},
      {"a.", "metric name must not end with a dot"},
      {"a..b", "metric name must not contain empty segments (consecutive dots)"},
      {"1a", "metric name segment '1a' must start with a letter"},
      {"_a", "metric name segment '_a' must start with a letter"},
      {"a_", "metric name segment 'a_' must end with a letter or digit"},
      {"a__b", "metric name segment 'a__b' must not contain consecutive underscores"},
      {"a-b", "metric name segment 'a-b' contains invalid character '-'"},
      {"aüb", "metric name segment 'aüb' contains invalid character 'ü'"},
      {"é", "metric name segment 'é' must start with a letter"},
      {"a.b.c.d.e", "metric name must have at most 4 dot-separated segments (got 5)"},
      {std::string(129, 'x'), "metric name must be 128 characters or fewer (got 129 characters)"},
      {"predict_time", "'predict_time' is reserved by the runtime"},
      {"cog.x", "the 'cog.' prefix is reserved for system metrics"},
      {"a.1b", "metric name segment '1b' must start with a letter"},
      {"A_b9", ""},
      {"a.b.c.d", ""},
      {"cog", ""},
      {"predict_time.x", ""},
      {std::string(128, 'x'), ""},
  };
  for (const auto& [name, error] : cases) EXPECT_EQ(name_error(name), error) << name;
}

std::string record_error(MetricTypes& metrics, const nlohmann::json& value,
                         std::string_view mode = "replace", const std::string& name = "k") {
  try {
    metrics.record(name, value, mode);
    return "";
  } catch (const SdkError& error) {
    return error.what();
  }
}

TEST(MetricTypes, a_metric_keeps_its_type_until_deleted) {
  MetricTypes metrics;
  EXPECT_EQ(record_error(metrics, 1), "");
  EXPECT_EQ(record_error(metrics, "s"),
            "Metric 'k' has type int, cannot set to str without deleting first");
  EXPECT_EQ(record_error(metrics, 2.5),
            "Metric 'k' has type int, cannot set to float without deleting first");
  EXPECT_EQ(record_error(metrics, true),
            "Metric 'k' has type int, cannot set to bool without deleting first");
  EXPECT_EQ(record_error(metrics, 2, "append"), "");
  EXPECT_EQ(record_error(metrics, nullptr), "");
  EXPECT_EQ(record_error(metrics, "s"), "");
  EXPECT_EQ(record_error(metrics, 1, "replace", "other"), "");
}

TEST(MetricTypes, modes) {
  MetricTypes metrics;
  EXPECT_EQ(record_error(metrics, "s", "increment"),
            "Increment mode requires int or float, got str");
  EXPECT_NE(record_error(metrics, nullptr, "append"), "");
  EXPECT_EQ(record_error(metrics, 1, "increment"), "");
}

}  // namespace
}  // namespace dream::worker
