// Leases: a step has one owner, an owner that is gone loses it, and nothing happens twice.
#include "host/storage/step_queue.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "database_fixture.hpp"
#include "host/storage/blob_rows.hpp"
#include "sample_training.hpp"

namespace dream::host {
namespace {

class StepQueueTest : public DatabaseTest {
 protected:
  StepQueueTest() { announce_blob(pool(), {std::string(64, 'b'), 1}, 0); }
  Step claim(const std::string& owner = "one", Micros lease = 60 * second) {
    const auto step = queue_.claim(all_steps, owner, lease);
    EXPECT_TRUE(step);
    return step.value_or(Step{});
  }
  bool nothing_to_claim() { return !queue_.claim(all_steps, "other", second); }
  Training training(const std::string& id = "t") { return trainings_.find(id).value(); }
  static void let_lapse() { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }

  static NewVersion version_of(const std::string& training) {
    return {.id = std::string(64, 'a'), .model_owner = "anna", .model_name = "me",
            .image = "registry/anna/me", .weights = std::string(64, 'b'),
            .template_name = "vanilla", .training = training};
  }

  Trainings trainings_{pool(), announce_status};
  StepQueue queue_{pool(), announce_status};
  Deliveries deliveries_{pool()};
};

TEST_P(StepQueueTest, GoesFromStepToStepToTheEnd) {
  ASSERT_TRUE(trainings_.create(sample_training("t"), 0));
  EXPECT_EQ(training().status, "queued");
  EXPECT_FALSE(queue_.claim({step_name::build, step_name::push}, "one", second));
  Step step = claim();
  EXPECT_EQ(step.name, "train");
  EXPECT_EQ(step.attempt, 1);
  EXPECT_EQ(training().status, "starting");
  EXPECT_TRUE(training().started_at);
  EXPECT_TRUE(nothing_to_claim());
  EXPECT_TRUE(queue_.set_training_status(step, training_status::processing));
  EXPECT_EQ(training().status, "processing");
  EXPECT_TRUE(queue_.succeed(step, {.checkpoint = R"({"a":1})", .weights = std::string(64, 'b')}));
  EXPECT_EQ(training().weights, std::string(64, 'b'));
  step = claim();
  EXPECT_EQ(step.name, "build");
  EXPECT_EQ(training().status, "pushing");
  EXPECT_TRUE(queue_.succeed(step, {}));
  step = claim();
  EXPECT_EQ(step.name, "push");
  EXPECT_TRUE(queue_.succeed(step, {.version = version_of("t")}));
  EXPECT_EQ(training().status, "succeeded");
  EXPECT_EQ(training().version, std::string(64, 'a'));
  EXPECT_TRUE(training().completed_at);
  EXPECT_TRUE(nothing_to_claim());
  Models models(pool());
  EXPECT_EQ(models.find("anna", "me")->visibility, "private");
  EXPECT_EQ(models.versions("anna", "me").at(0).training, "t");
  EXPECT_EQ(models.versions_with_id(std::string(64, 'a')).size(), 1U);
  EXPECT_EQ(deliveries_.about("t").at(0).body, "succeeded");
  EXPECT_EQ(trainings_.steps("t").at(0).checkpoint, R"({"a":1})");
}

TEST_P(StepQueueTest, GivesTheOldestFirst) {
  for (const char* id : {"b", "a", "c"}) trainings_.create(sample_training(id), 0);
  for (const char* id : {"b", "a", "c"}) EXPECT_EQ(claim().training, id);
}

TEST_P(StepQueueTest, PassesAStepOnWhenItsOwnerIsGone) {
  trainings_.create(sample_training("t"), 0);
  const Step first = claim("one", 50'000);
  EXPECT_TRUE(queue_.save_checkpoint(first, R"({"run":1})"));
  EXPECT_TRUE(nothing_to_claim());
  let_lapse();
  const Step second_owner = claim("two");
  EXPECT_EQ(second_owner.attempt, 1);
  EXPECT_EQ(second_owner.takeovers, 1);
  EXPECT_EQ(second_owner.checkpoint, R"({"run":1})");
  // The first one comes back, and is not heard.
  EXPECT_FALSE(queue_.save_checkpoint(first, "{}"));
  EXPECT_FALSE(queue_.save_progress(first, "{}"));
  EXPECT_FALSE(queue_.set_training_status(first, training_status::processing));
  EXPECT_FALSE(queue_.succeed(first, {}));
  EXPECT_FALSE(queue_.defer(first, "no", 0));
  EXPECT_FALSE(queue_.fail(first, "no"));
  EXPECT_FALSE(queue_.cancel(first));
  EXPECT_TRUE(queue_.renew("one", second).empty());
  EXPECT_EQ(training().status, "starting");
  EXPECT_TRUE(deliveries_.about("t").empty());
  EXPECT_TRUE(queue_.save_progress(second_owner, R"({"step":1})"));
  EXPECT_EQ(trainings_.steps("t").at(0).takeovers, 0);
}

TEST_P(StepQueueTest, KeepsWhatIsRenewed) {
  trainings_.create(sample_training("t"), 0);
  const Step step = claim("one", 40'000);
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto held = queue_.renew("one", second);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].training, "t");
    EXPECT_EQ(held[0].position, 0);
    EXPECT_FALSE(held[0].cancel_requested);
  }
  EXPECT_TRUE(nothing_to_claim());
  EXPECT_TRUE(queue_.succeed(step, {}));
}

TEST_P(StepQueueTest, FailsATraining) {
  trainings_.create(sample_training("t"), 0);
  queue_.succeed(claim(), {});
  EXPECT_TRUE(queue_.fail(claim(), "the template is gone"));
  EXPECT_EQ(training().status, "failed");
  EXPECT_EQ(training().failed_step, "build");
  EXPECT_EQ(training().error, "the template is gone");
  const auto steps = trainings_.steps("t");
  EXPECT_EQ(steps.at(0).status, "succeeded");
  EXPECT_EQ(steps.at(1).status, "failed");
  EXPECT_EQ(steps.at(2).status, "canceled");
  EXPECT_EQ(deliveries_.about("t").at(0).body, "failed");
  EXPECT_TRUE(nothing_to_claim());
}

TEST_P(StepQueueTest, TriesAgainWhenItIsDue) {
  trainings_.create(sample_training("t"), 0);
  EXPECT_TRUE(queue_.defer(claim(), "busy", now_micros() + 60 * second));
  EXPECT_TRUE(nothing_to_claim());
  trainings_.create(sample_training("u"), 0);
  EXPECT_TRUE(queue_.defer(claim(), "busy", now_micros()));
  const Step again = claim();
  EXPECT_EQ(again.training, "u");
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(again.error, "busy");
  EXPECT_TRUE(queue_.put_back(again, now_micros()));
  EXPECT_EQ(claim().attempt, 2);
}

TEST_P(StepQueueTest, CancelsWhatWaitsAtOnceAndTellsWhatRuns) {
  trainings_.create(sample_training("waits"), 0);
  EXPECT_TRUE(trainings_.cancel("waits"));
  EXPECT_EQ(training("waits").status, "canceled");
  EXPECT_EQ(deliveries_.about("waits").at(0).body, "canceled");
  EXPECT_FALSE(trainings_.cancel("waits"));
  trainings_.create(sample_training("runs"), 0);
  const Step step = claim();
  EXPECT_TRUE(trainings_.cancel("runs"));
  EXPECT_EQ(training("runs").status, "starting");
  EXPECT_TRUE(queue_.renew("one", second).at(0).cancel_requested);
  EXPECT_TRUE(queue_.cancel(step));
  EXPECT_EQ(training("runs").status, "canceled");
  EXPECT_EQ(trainings_.steps("runs").at(0).status, "canceled");
  EXPECT_TRUE(nothing_to_claim());
}

// Three processes, one of which loses every tenth step to the others: each step ends once.
TEST_P(StepQueueTest, SharesStepsBetweenProcesses) {
  constexpr int count = 30;
  for (int i = 0; i < count; ++i) trainings_.create(sample_training(fmt::format("t{:02}", i)), 0);
  std::vector<pid_t> children;
  for (const char* owner : {"one", "two", "three"}) {
    children.push_back(start_process([owner = std::string(owner)](sql::Pool& own) {
      StepQueue queue(own, announce_status);
      Deliveries deliveries(own);
      int idle = 0, number = 0;
      while (idle < 20) {
        const auto step = queue.claim(all_steps, owner, owner == "one" ? 20'000 : 60 * second);
        if (!step) {
          ++idle;
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
          continue;
        }
        idle = 0;
        if (owner == "one" && ++number % 10 == 0)
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
        StepQueue::Outcome outcome;
        if (step->name == step_name::push) outcome.version = version_of(step->training);
        queue.succeed(*step, outcome);
      }
      return true;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(ended_well(child));
  for (int i = 0; i < count; ++i) {
    const std::string id = fmt::format("t{:02}", i);
    EXPECT_EQ(training(id).status, "succeeded") << id;
    EXPECT_EQ(deliveries_.about(id).size(), 1U) << id;
  }
}

ON_BOTH_DATABASES(StepQueueTest);

}  // namespace
}  // namespace dream::host
