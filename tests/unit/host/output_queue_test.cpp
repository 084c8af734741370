// Outputs that are published before they are shown: order, the end that waits, failures.
#include "host/predictions/output_queue.hpp"

#include <gtest/gtest.h>

#include "host/predictions/prediction.hpp"

namespace dream::host {
namespace {

using Done = std::function<void(const std::string&, const std::string&)>;

struct PublishTest : ::testing::Test {
  void SetUp() override {
    prediction.publish_files(
        [this](const OutputItem& file, const auto& abandoned, Done done) {
          files.push_back(file.path.filename());
          ends.push_back(std::move(done));
          given_up = abandoned;
        },
        [this] { ++aborts; });
    prediction.observe([this](const Snapshot& now, const PredictionEvent& event) {
      if (event.kind == PredictionEvent::Kind::output) shown.push_back(event.output->value);
      if (event.kind == PredictionEvent::Kind::completed) end = now.status;
    });
    prediction.start();
  }
  void emit_file(const char* name) {
    OutputItem item;
    item.path = std::string("/run/") + name;
    item.name = name;
    prediction.output(std::move(item));
  }
  void emit_value(int value) {
    OutputItem item;
    item.value = value;
    prediction.output(std::move(item));
  }

  std::vector<std::string> files;
  std::vector<Done> ends;
  std::shared_ptr<const std::atomic<bool>> given_up;
  std::vector<nlohmann::json> shown;
  std::optional<Status> end;
  int aborts = 0;
  Prediction prediction{{}, {}};  // destroyed first
};

using Values = std::vector<nlohmann::json>;

TEST_F(PublishTest, FilesAreShownInOrderHoweverTheyArrive) {
  emit_value(0);
  EXPECT_EQ(shown, Values{0});
  emit_file("a.png");
  emit_file("b.png");
  emit_value(3);
  EXPECT_EQ(files, (std::vector<std::string>{"a.png", "b.png"}));
  ends[1]("http://h/b.png", "");
  EXPECT_EQ(shown, Values{0});
  ends[0]("http://h/a.png", "");
  EXPECT_EQ(shown, (Values{0, "http://h/a.png", "http://h/b.png", 3}));
}

TEST_F(PublishTest, SuccessWaitsForThem) {
  emit_file("a.png");
  prediction.succeed();
  EXPECT_FALSE(end);
  EXPECT_TRUE(prediction.is_publishing());
  EXPECT_EQ(prediction.snapshot().status, Status::processing);
  ends[0]("http://h/a.png", "");
  EXPECT_EQ(end, Status::succeeded);
  EXPECT_EQ(shown, Values{"http://h/a.png"});
  EXPECT_FALSE(prediction.is_publishing());
}

TEST_F(PublishTest, AFailureAbortsTheRunAndFailsIt) {
  emit_file("a.png");
  emit_file("b.png");
  ends[0]("", "cannot upload a.png: the server answered 403");
  EXPECT_EQ(aborts, 1);
  EXPECT_FALSE(end) << "the run has not ended yet";
  ends[1]("http://h/b.png", "");
  emit_file("c.png");
  EXPECT_EQ(files.size(), 2U) << "nothing more is published";
  prediction.cancel();  // what the run says to the abort
  EXPECT_EQ(end, Status::failed);
  EXPECT_EQ(prediction.snapshot().error, "cannot upload a.png: the server answered 403");
  EXPECT_TRUE(shown.empty());
}

TEST_F(PublishTest, AFailureAfterTheRunFailsItAtOnce) {
  emit_file("a.png");
  prediction.succeed();
  ends[0]("", "cannot upload a.png: timeout");
  EXPECT_EQ(aborts, 0);
  EXPECT_EQ(end, Status::failed);
  EXPECT_NE(prediction.snapshot().logs.find("cannot upload a.png"), std::string::npos);
}

TEST_F(PublishTest, AnEndOtherThanSuccessWaitsForNothing) {
  emit_file("a.png");
  prediction.succeed();
  prediction.cancel();
  EXPECT_EQ(end, Status::canceled);
  ends[0]("http://h/a.png", "");
  EXPECT_TRUE(shown.empty());
}

TEST(OutputQueue, TellsWhenNobodyWaitsAnyMore) {
  std::shared_ptr<const std::atomic<bool>> given_up;
  Done late;
  int ready = 0;
  {
    OutputQueue queue(
        [&](const OutputItem&, const auto& abandoned, Done done) {
          given_up = abandoned;
          late = std::move(done);
        },
        {[&](OutputItem) { ++ready; }, [](const std::string&) {}, [] {}});
    OutputItem file;
    file.path = "/run/a.png";
    queue.add(file);
    EXPECT_FALSE(*given_up);
  }
  EXPECT_TRUE(*given_up);
  late("http://h/a.png", "");
  EXPECT_EQ(ready, 0);
}

}  // namespace
}  // namespace dream::host
