// The state machine of a prediction: its transitions, events, logs and metrics.
#include "host/predictions/prediction.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

using Kind = PredictionEvent::Kind;

struct Recorder {
  std::vector<Kind> kinds;
  std::vector<std::string> texts;
  void watch(Prediction& prediction) {
    prediction.observe([this](const Snapshot&, const PredictionEvent& event) {
      kinds.push_back(event.kind);
      texts.emplace_back(event.text);
    });
  }
};

TEST(Prediction, GoesFromStartingToSucceeded) {
  Prediction prediction({}, {});
  Recorder recorder;
  recorder.watch(prediction);
  EXPECT_EQ(prediction.snapshot().status, Status::starting);
  prediction.start();
  prediction.start();
  EXPECT_EQ(prediction.snapshot().status, Status::processing);
  EXPECT_TRUE(prediction.snapshot().started_at.has_value());
  prediction.output({42, {}, {}, {}});
  prediction.succeed();
  EXPECT_EQ(prediction.snapshot().status, Status::succeeded);
  EXPECT_TRUE(prediction.snapshot().completed_at.has_value());
  EXPECT_GE(prediction.snapshot().metrics.at("predict_time").get<double>(), 0);
  EXPECT_EQ(recorder.kinds, (std::vector{Kind::start, Kind::output, Kind::completed}));
}

TEST(Prediction, EndsExactlyOnce) {
  for (const Status first : {Status::succeeded, Status::failed, Status::canceled}) {
    Prediction prediction({}, {});
    Recorder recorder;
    recorder.watch(prediction);
    if (first == Status::succeeded) prediction.succeed();
    if (first == Status::failed) prediction.fail("why");
    if (first == Status::canceled) prediction.cancel();
    prediction.start();
    prediction.log("late");
    prediction.output({});
    prediction.progress({1, 2, 0, ""});
    prediction.metric("a", 1, "replace");
    prediction.succeed();
    prediction.fail("again");
    prediction.cancel();
    EXPECT_EQ(prediction.snapshot().status, first);
    EXPECT_EQ(prediction.snapshot().error, first == Status::failed ? "why" : "");
    EXPECT_EQ(recorder.kinds, std::vector{Kind::completed});
    EXPECT_TRUE(prediction.snapshot().logs.empty());
  }
}

TEST(Prediction, LogsAreWholeLines) {
  Prediction prediction({}, {});
  Recorder recorder;
  recorder.watch(prediction);
  prediction.log("one");
  prediction.log("two\nthree\n");
  prediction.log("");
  EXPECT_EQ(prediction.snapshot().logs, "one\ntwo\nthree\n");
  EXPECT_EQ(recorder.texts, (std::vector<std::string>{"one\n", "two\nthree\n"}));
}

TEST(Prediction, LogsEndAtTheirLimit) {
  Prediction prediction({}, {});
  const std::string block(1U << 20, 'x');
  for (int i = 0; i < 40; ++i) prediction.log(block);
  const std::string& logs = prediction.snapshot().logs;
  EXPECT_LE(logs.size(), (16U << 20) + 100);
  EXPECT_TRUE(logs.ends_with("[the logs end here: they reached 16 MiB]\n"));
  prediction.drop_logs(1000);
  prediction.succeed();
  EXPECT_TRUE(logs.ends_with("[1025 more lines were dropped]\n")) << logs.substr(logs.size() - 99);
}

TEST(Prediction, ProgressIsALineOfTheLogs) {
  Prediction prediction({}, {});
  Recorder recorder;
  recorder.watch(prediction);
  prediction.progress({10, 25, 1.7, ""});
  EXPECT_EQ(prediction.snapshot().logs, " 40%|████      | 10/25 [00:01<00:02,  5.88it/s]\n");
  EXPECT_EQ(recorder.kinds, std::vector{Kind::progress});
  EXPECT_EQ(recorder.texts.front(), prediction.snapshot().logs);
  EXPECT_EQ(prediction.snapshot().progress.step, 10U);
}

TEST(Prediction, AMetricThatIsRefusedIsLogged) {
  Prediction prediction({}, {});
  prediction.metric("predict_time", 1, "replace");
  EXPECT_EQ(prediction.snapshot().metrics, nlohmann::json::object());
  EXPECT_NE(prediction.snapshot().logs.find("metric 'predict_time'"), std::string::npos);
}

TEST(Prediction, MetricsEndAtTheirLimit) {
  Prediction prediction({}, {});
  for (int i = 0; i < 40; ++i) prediction.metric("a", std::string(1U << 20, 'x'), "append");
  EXPECT_LE(prediction.snapshot().metrics.at("a").size(), 17U);
  EXPECT_EQ(prediction.snapshot().logs, "The metrics end here: they reached 16 MiB.\n");
  for (int i = 0; i < 10; ++i) prediction.metric("steps", i, "increment");
  EXPECT_FALSE(prediction.snapshot().metrics.contains("steps"));
}

TEST(Prediction, AnObserverThatThrowsDisturbsNobody) {
  Prediction prediction({}, {});
  Recorder recorder;
  prediction.observe([](const Snapshot&, const PredictionEvent&) {
    throw std::runtime_error("broken on purpose");
  });
  recorder.watch(prediction);
  prediction.succeed();
  EXPECT_EQ(recorder.kinds, std::vector{Kind::completed});
}

TEST(Prediction, AnObserverMayEndIt) {
  Prediction prediction({}, {});
  Recorder recorder;
  prediction.observe([&](const Snapshot&, const PredictionEvent& event) {
    if (event.kind == Kind::output) prediction.fail("cannot deliver");
  });
  recorder.watch(prediction);
  prediction.output({1, {}, {}, {}});
  prediction.succeed();
  EXPECT_EQ(prediction.snapshot().status, Status::failed);
}

TEST(Prediction, RemovesItsFolder) {
  const auto folder = std::filesystem::temp_directory_path() / ("dream-" + new_id());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "file") << "x";
  { const Prediction prediction({}, folder); }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace dream::host
