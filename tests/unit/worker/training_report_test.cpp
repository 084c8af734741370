#include "host/worker/sdk_host/training_report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "tests/unit/temporary_folder.hpp"

namespace dream::worker {
namespace {

using engine::TrainPhase;
using std::chrono::seconds;

TEST(PhaseClock, other_phases_between_do_not_count) {
  PhaseClock::Time now{};
  PhaseClock clock(now);
  clock.note(TrainPhase::class_pictures, 4, now += seconds(100));
  clock.note(TrainPhase::training, 1, now += seconds(2));
  clock.note(TrainPhase::training, 2, now += seconds(2));
  EXPECT_DOUBLE_EQ(clock.steps_per_second(TrainPhase::training), 0.5);
  clock.note(TrainPhase::sampling, 1, now += seconds(50));
  clock.note(TrainPhase::training, 3, now += seconds(2));
  EXPECT_DOUBLE_EQ(clock.steps_per_second(TrainPhase::training), 0.5);
  EXPECT_EQ(clock.steps_per_second(TrainPhase::saving), 0);
}

TEST(PhaseClock, a_resumed_training_has_not_taken_its_first_steps_now) {
  PhaseClock::Time now{};
  PhaseClock clock(now);
  clock.note(TrainPhase::training, 1001, now += seconds(4));
  clock.note(TrainPhase::training, 1002, now += seconds(4));
  EXPECT_DOUBLE_EQ(clock.steps_per_second(TrainPhase::training), 0.25);
}

TEST(DurationText, is_short) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(11.2), "12 s");
  EXPECT_EQ(duration_text(200), "3 min 20 s");
  EXPECT_EQ(duration_text(7500), "2 h 5 min");
}

class TrainingReportTest : public testing::Test {
 protected:
  std::vector<nlohmann::json> sent(const std::string& type) const {
    std::vector<nlohmann::json> found;
    std::ranges::copy_if(sent_, std::back_inserter(found),
                         [&](const auto& message) { return message["type"] == type; });
    return found;
  }
  std::unique_ptr<dream_run> start(bool previews = false) {
    RunRequest request{"p", "t", nlohmann::json::object(), folder_.path() / "out"};
    request.previews = previews;
    return std::make_unique<dream_run>(
        schema_, request, [this](const nlohmann::json& message) { sent_.push_back(message); },
        canceled_);
  }

  TemporaryFolder folder_;
  TemplateSchema schema_;
  std::atomic<bool> canceled_{false};
  std::vector<nlohmann::json> sent_;
};

TEST_F(TrainingReportTest, tells_every_tenth_step_and_the_last) {
  const auto run = start();
  TrainingReport report(*run, folder_.path() / "samples");
  for (int step = 1; step <= 25; ++step)
    EXPECT_TRUE(report.on_progress({TrainPhase::training, step, 25, 0.5, 0.25, 1e-6}));
  const auto logs = sent("log");
  ASSERT_EQ(logs.size(), 3U);
  const auto first = logs[0]["message"].get<std::string>();
  EXPECT_EQ(first.find("step 10/25: loss=0.5000, mean=0.2500, lr=1e-06, "), 0U) << first;
  EXPECT_TRUE(first.ends_with(" left")) << first;
  EXPECT_EQ(logs[2]["message"].get<std::string>().find("step 25/25: "), 0U);
  EXPECT_EQ(report.step(), 25);
  const auto progress = sent("progress");
  EXPECT_EQ(progress.back()["step"], 25);
  EXPECT_EQ(progress.back()["label"], "loss 0.2500, lr 1e-06");
}

TEST_F(TrainingReportTest, names_its_phases) {
  const auto run = start();
  TrainingReport report(*run, folder_.path() / "samples");
  for (const auto phase :
       {TrainPhase::class_pictures, TrainPhase::caching, TrainPhase::sampling, TrainPhase::saving})
    report.on_progress({phase, 1, 2});
  std::string labels;
  for (const auto& message : sent("progress")) labels += message["label"].get<std::string>() + ", ";
  EXPECT_EQ(labels, "class pictures, caching, samples, saving, ");
  EXPECT_TRUE(sent("log").empty());
}

TEST_F(TrainingReportTest, a_cancel_stops_it) {
  const auto run = start();
  TrainingReport report(*run, folder_.path() / "samples");
  canceled_ = true;
  EXPECT_FALSE(report.on_progress({TrainPhase::training, 1, 2}));
}

TEST_F(TrainingReportTest, keeps_samples_and_shows_them_to_who_watches) {
  const engine::Image image{2, 2, std::vector<std::uint8_t>(12, 7)};
  const auto samples = folder_.path() / "samples";
  for (const bool watched : {false, true}) {
    const auto run = start(watched);
    TrainingReport report(*run, samples);
    report.on_sample({5, 10, 1, image});
    report.on_sample({10, 10, 0, image});
    EXPECT_EQ(sent("preview").size(), watched ? 2U : 0U);
  }
  EXPECT_TRUE(std::filesystem::exists(samples / "step-5/1.png"));
  EXPECT_TRUE(std::filesystem::exists(samples / "0.png"));
  const auto preview = sent("preview").back();
  EXPECT_EQ(preview["step"], 10);
  EXPECT_EQ(preview["image"].get<std::string>().find("data:image/jpeg;base64,"), 0U);
}

TEST_F(TrainingReportTest, the_end_is_in_the_metrics) {
  const auto run = start();
  TrainingReport report(*run, folder_.path() / "samples");
  report.on_progress({TrainPhase::training, 100, 100, 0.5, 0.25, 1e-6});
  engine::TrainResult result;
  result.steps = 100;
  result.resumed_from = 60;
  result.seconds = 20;
  report.on_end(result);
  std::map<std::string, double> metrics;
  for (const auto& metric : sent("metric")) metrics[metric["name"]] = metric["value"];
  EXPECT_EQ(metrics["steps"], 100);
  EXPECT_EQ(metrics["resumed_from_step"], 60);
  EXPECT_EQ(metrics["steps_per_s"], 2);
  EXPECT_EQ(metrics["loss"], 0.25);
}

}  // namespace
}  // namespace dream::worker
