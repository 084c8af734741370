// What a sequence of predictions comes to in counters and histograms.
#include "host/telemetry/prediction_counts.hpp"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <memory>

namespace dream::host {
namespace {

using std::chrono::milliseconds;

class PredictionCountsTest : public testing::Test {
 protected:
  std::string text() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }

  // The number after `series`, or "none".
  std::string value(const std::string& series) const {
    const std::string all = "\n" + text();
    const auto begin = all.find("\n" + series + " ");
    if (begin == std::string::npos) return "none";
    const auto number = begin + series.size() + 2;
    return all.substr(number, all.find('\n', number) - number);
  }

  std::shared_ptr<Prediction> accept(std::size_t waiting = 0,
                                     const std::string& entry = "predict") {
    Snapshot initial;
    initial.id = "x";
    initial.template_name = "fox";
    initial.entry = entry;
    auto prediction = std::make_shared<Prediction>(std::move(initial), "");
    prediction->observe(counts.accepted(waiting));
    return prediction;
  }

  prometheus::Registry registry;
  PredictionCounts counts{registry, {"fox"}};
};

constexpr char ends[] = R"(dream_predictions_total{entry="predict",status=")";

TEST_F(PredictionCountsTest, SeriesAreThereAtZero) {
  EXPECT_EQ(value(std::string(ends) + R"(canceled",template="fox"})"), "0");
  EXPECT_EQ(value(R"(dream_predictions_refused_total{reason="draining"})"), "0");
  EXPECT_EQ(value("dream_queue_position_count"), "0");
}

TEST_F(PredictionCountsTest, EachEndsOnce) {
  for (int i = 0; i < 3; ++i) {
    const auto prediction = accept();
    prediction->start();
    prediction->log("a line");
    prediction->succeed();
    prediction->fail("too late");
  }
  accept()->cancel();
  EXPECT_EQ(value(std::string(ends) + R"(succeeded",template="fox"})"), "3");
  EXPECT_EQ(value(std::string(ends) + R"(failed",template="fox"})"), "0");
  EXPECT_EQ(value(std::string(ends) + R"(canceled",template="fox"})"), "1");
  const std::string stage = R"(dream_prediction_stage_seconds_count{entry="predict",stage=")";
  EXPECT_EQ(value(stage + R"(total",template="fox"})"), "4");
  EXPECT_EQ(value(stage + R"(run",template="fox"})"), "3") << "one was canceled before it ran";
  EXPECT_EQ(value(stage + R"(inputs",template="fox"})"), "none");
}

TEST_F(PredictionCountsTest, StagesAreThoseOfTheSnapshot) {
  const auto prediction = accept(4, "train");
  prediction->took(&StageTimes::download_s, 0.5);
  prediction->took(&StageTimes::queue_s, 20);
  prediction->start();
  prediction->succeed();
  const auto sum = [&](const std::string& stage) {
    return value(R"(dream_prediction_stage_seconds_sum{entry="train",stage=")" + stage +
                 R"(",template="fox"})");
  };
  EXPECT_EQ(sum("inputs"), "0.5");
  EXPECT_EQ(sum("queue"), "20");
  EXPECT_EQ(value(R"(dream_prediction_stage_seconds_bucket{entry="train",stage="queue",)"
                  R"(template="fox",le="10"})"),
            "0");
  EXPECT_EQ(value(R"(dream_prediction_stage_seconds_bucket{entry="train",stage="queue",)"
                  R"(template="fox",le="30"})"),
            "1");
  EXPECT_EQ(value("dream_queue_position_sum"), "4");
}

TEST_F(PredictionCountsTest, KnownMetricsOnly) {
  const auto prediction = accept();
  prediction->start();
  prediction->metric("it_per_s", 12.5, "replace");
  prediction->metric("steps", 25, "replace");
  prediction->metric("image_count", 2, "replace");
  prediction->metric("model_time_s", 2.0, "replace");
  prediction->metric("mine", 1, "replace");
  prediction->succeed();
  EXPECT_EQ(value(R"(dream_steps_per_second_sum{template="fox"})"), "12.5");
  EXPECT_EQ(value(R"(dream_steps_total{template="fox"})"), "25");
  EXPECT_EQ(value(R"(dream_images_total{template="fox"})"), "2");
  EXPECT_EQ(value(R"(dream_model_stage_seconds_sum{stage="model",template="fox"})"), "2");
  EXPECT_EQ(text().find("mine"), std::string::npos);
}

TEST_F(PredictionCountsTest, WhatIsNoMeasureIsNotTaken) {
  const auto prediction = accept();
  prediction->start();
  prediction->metric("it_per_s", "fast", "replace");
  prediction->metric("steps", -1, "replace");
  prediction->metric("model_time_s", nlohmann::json::array({1}), "replace");
  prediction->succeed();
  EXPECT_EQ(text().find("dream_steps_per_second_count"), std::string::npos);
  EXPECT_EQ(value(R"(dream_steps_total{template="fox"})"), "none");
  EXPECT_EQ(text().find("dream_model_stage_seconds_count"), std::string::npos);
}

TEST_F(PredictionCountsTest, RefusalsByReason) {
  using Refusal = PredictionService::Refusal;
  for (const auto refusal : {Refusal::busy, Refusal::busy, Refusal::not_ready, Refusal::draining})
    counts.refused(refusal);
  EXPECT_EQ(value(R"(dream_predictions_refused_total{reason="busy"})"), "2");
  EXPECT_EQ(value(R"(dream_predictions_refused_total{reason="not_ready"})"), "1");
  EXPECT_EQ(value(R"(dream_predictions_refused_total{reason="draining"})"), "1");
}

}  // namespace
}  // namespace dream::host
