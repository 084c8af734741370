// What clients do to trainings: creation within a quota, lists, retries; and their logs.
#include "host/storage/trainings.hpp"

#include <fmt/format.h>

#include "database_fixture.hpp"
#include "host/storage/reports.hpp"
#include "host/storage/step_queue.hpp"
#include "sample_training.hpp"

namespace dream::host {
namespace {

class TrainingsTest : public DatabaseTest {
 protected:
  std::vector<std::string> ids(const TrainingFilter& filter,
                               const std::optional<PageStart>& start = {}, int limit = 100) {
    std::vector<std::string> all;
    for (const auto& training : trainings_.list(filter, start, limit)) all.push_back(training.id);
    return all;
  }
  void fail_at(const std::string& step) {
    while (true) {
      const auto claimed = queue_.claim(all_steps, "one", second);
      ASSERT_TRUE(claimed);
      if (claimed->name == step) {
        queue_.fail(*claimed, "broken");
        return;
      }
      queue_.succeed(*claimed, {});
    }
  }

  Trainings trainings_{pool(), announce_status};
  StepQueue queue_{pool(), announce_status};
};

TEST_P(TrainingsTest, KeepsEveryField) {
  NewTraining training = sample_training("t");
  training.trainer_version = std::string(64, '1');
  training.template_version = std::string(64, '2');
  training.notes = "with 'quotes' and ünïcode";
  training.webhook = std::nullopt;
  training.webhook_events = R"(["completed"])";
  ASSERT_TRUE(trainings_.create(training, 0));
  const Training found = trainings_.find("t").value();
  EXPECT_EQ(found.origin, "dreambooth");
  EXPECT_EQ(found.account, "anna");
  EXPECT_EQ(found.input, training.input);
  EXPECT_EQ(found.model_owner + "/" + found.model_name, "anna/me");
  EXPECT_EQ(found.trainer, "dreambooth");
  EXPECT_EQ(found.template_name, "vanilla");
  EXPECT_EQ(found.trainer_version, training.trainer_version);
  EXPECT_EQ(found.template_version, training.template_version);
  EXPECT_EQ(found.notes, training.notes);
  EXPECT_FALSE(found.webhook);
  EXPECT_FALSE(found.weights_url);
  EXPECT_EQ(found.webhook_events, training.webhook_events);
  EXPECT_GT(found.created_at, 1'600'000'000 * second);
  EXPECT_FALSE(trainings_.find("u"));
  EXPECT_TRUE(trainings_.steps("u").empty());
}

TEST_P(TrainingsTest, FetchesWeightsThatAreGivenInsteadOfTraining) {
  NewTraining training = sample_training("t");
  training.trainer = "";
  training.weights_url = "https://example.com/output.zip";
  trainings_.create(training, 0);
  EXPECT_EQ(trainings_.steps("t").at(0).name, "fetch");
}

TEST_P(TrainingsTest, HoldsTheQuotaOfAnAccount) {
  EXPECT_TRUE(trainings_.create(sample_training("a"), 2));
  EXPECT_TRUE(trainings_.create(sample_training("b"), 2));
  EXPECT_FALSE(trainings_.create(sample_training("c"), 2));
  EXPECT_FALSE(trainings_.find("c"));
  EXPECT_TRUE(trainings_.create(sample_training("c", "ben"), 2));
  trainings_.cancel("a");
  EXPECT_TRUE(trainings_.create(sample_training("d"), 2));
}

// Two at the same moment must not both get the last place.
TEST_P(TrainingsTest, HoldsTheQuotaAgainstARace) {
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(start_process([i](sql::Pool& own) {
      Trainings trainings(own, announce_status);
      for (int n = 0; n < 10; ++n) trainings.create(sample_training(fmt::format("{}-{}", i, n)), 4);
      return true;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(ended_well(child));
  EXPECT_EQ(ids({.account = "anna"}).size(), 4U);
}

TEST_P(TrainingsTest, ListsPagesInBothDirections) {
  for (const char* id : {"a", "b", "c", "d", "e"}) trainings_.create(sample_training(id), 0);
  trainings_.create(sample_training("x", "ben"), 0);
  const TrainingFilter anna{.account = "anna"};
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(anna), (Ids{"e", "d", "c", "b", "a"}));
  EXPECT_EQ(ids(anna, {}, 2), (Ids{"e", "d"}));
  const Training d = trainings_.find("d").value();
  EXPECT_EQ(ids(anna, PageStart{d.created_at, "d"}, 2), (Ids{"c", "b"}));
  const Training b = trainings_.find("b").value();
  EXPECT_EQ(ids(anna, PageStart{b.created_at, "b", true}, 2), (Ids{"d", "c"}));
  EXPECT_EQ(ids({.account = "anna", .created_before = d.created_at}), (Ids{"c", "b", "a"}));
  EXPECT_EQ(ids({.account = "anna", .created_after = d.created_at}), (Ids{"e", "d"}));
  trainings_.cancel("c");
  EXPECT_EQ(ids({.account = "anna", .status = "canceled"}), (Ids{"c"}));
  EXPECT_EQ(ids({.account = "anna", .model_owner = "anna", .model_name = "you"}), Ids{});
}

TEST_P(TrainingsTest, RetriesFromTheStepThatFailed) {
  using Retry = Trainings::Retry;
  trainings_.create(sample_training("t"), 0);
  EXPECT_EQ(trainings_.retry("t", ""), Retry::not_ended);
  EXPECT_EQ(trainings_.retry("nobody", ""), Retry::not_ended);
  fail_at("build");
  EXPECT_EQ(trainings_.retry("t", "push"), Retry::too_early);
  EXPECT_EQ(trainings_.retry("t", "bake"), Retry::no_such_step);
  EXPECT_EQ(trainings_.retry("t", ""), Retry::done);
  const Training again = trainings_.find("t").value();
  EXPECT_EQ(again.status, "pushing");
  EXPECT_FALSE(again.error);
  EXPECT_FALSE(again.failed_step);
  EXPECT_FALSE(again.completed_at);
  fail_at("build");
  EXPECT_EQ(trainings_.retry("t", "train"), Retry::done);
  EXPECT_EQ(trainings_.find("t")->status, "queued");
  EXPECT_EQ(Deliveries(pool()).about("t").size(), 2U);  // each end is told
  trainings_.cancel("t");
  EXPECT_EQ(trainings_.retry("t", ""), Retry::done);
  EXPECT_FALSE(trainings_.find("t")->cancel_requested);
}

TEST_P(TrainingsTest, KeepsLogsInOrder) {
  trainings_.create(sample_training("t"), 0);
  trainings_.append_log("t", "train", "one\n");
  trainings_.append_log("t", "train", "");
  trainings_.append_log("t", "train", std::string("t\0w\xffo\n", 6));
  const LogPart first = trainings_.logs("t");
  EXPECT_EQ(first.text, "one\ntw\uFFFDo\n");
  trainings_.append_log("t", "build", "three\n");
  const LogPart rest = trainings_.logs("t", first.next);
  EXPECT_EQ(rest.text, "three\n");
  EXPECT_EQ(trainings_.logs("t", rest.next).next, rest.next);
  EXPECT_EQ(trainings_.find("t")->log_bytes, rest.next);
}

TEST_P(TrainingsTest, BoundsLogs) {
  trainings_.create(sample_training("t"), 0);
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 5; ++i) trainings_.append_log("t", "train", large);
  const std::string text = trainings_.logs("t").text;
  EXPECT_LT(text.size(), static_cast<std::size_t>(Trainings::most_log_bytes));
  EXPECT_NE(text.find("the log has reached its limit"), std::string::npos);
}

TEST_P(TrainingsTest, HearsReportsOfTrainers) {
  Reports reports(pool(), announce_status);
  EXPECT_FALSE(reports.add("t", 1, {.status = "processing"}, ""));
  trainings_.create(sample_training("t"), 0);
  EXPECT_FALSE(reports.find("t", 1));
  EXPECT_TRUE(reports.add("t", 1, {.status = "processing"}, "a\n"));
  EXPECT_TRUE(reports.add("t", 1, {.status = "processing"}, "a\nb\n"));
  EXPECT_TRUE(reports.add("t", 1, {.status = "processing"}, "a\n"));  // overtaken on the way
  EXPECT_TRUE(reports.add("t", 1, {.status = "succeeded", .output = "\"x\""}, "a\nb\nc\n"));
  EXPECT_TRUE(reports.add("t", 1, {.status = "failed", .error = "late"}, "a\nb\nc\nd\n"));
  EXPECT_TRUE(reports.add("t", 2, {.status = "processing"}, "again\n"));
  EXPECT_EQ(reports.find("t", 1)->status, "succeeded");
  EXPECT_EQ(reports.find("t", 1)->output, "\"x\"");
  EXPECT_FALSE(reports.find("t", 1)->error);
  EXPECT_EQ(trainings_.logs("t").text, "a\nb\nc\nagain\n");
  EXPECT_EQ(reports.find_success("t", 1)->output, "\"x\"");
  EXPECT_FALSE(reports.find_success("t", 2));
}

ON_BOTH_DATABASES(TrainingsTest);

}  // namespace
}  // namespace dream::host
