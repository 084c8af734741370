// Predictions through the pool: what arrives, where logs go, cancel, and slots.
#include "host/workers/worker_pool.hpp"

#include "pool_fixture.hpp"

namespace dream::host {
namespace {

using nlohmann::json;
using testing::Test;

TEST_F(PoolTest, RunsAPredictionToItsEnd) {
  start_pool();
  EXPECT_EQ(pool->health(), Health::starting);
  turn_until(Health::ready);
  EXPECT_EQ(pool->setup().status, "succeeded");
  EXPECT_TRUE(pool->setup().completed_at.has_value());
  ASSERT_EQ(pool->schemas().size(), 1U);

  const Snapshot end = finish(R"([["log", "hello"], ["output", 42], ["file", "a.png", "pixels"],
                                 ["progress", 1, 4], ["metric", "count", 2, "increment"]])");
  EXPECT_EQ(end.status, Status::succeeded);
  EXPECT_EQ(end.logs, "hello\n 25%|██▌       | 1/4 [00:01<00:03,  1.00it/s]\n");
  ASSERT_EQ(end.output.size(), 2U);
  EXPECT_EQ(end.output[0].value, 42);
  EXPECT_EQ(end.output[1].name, "a.png");
  EXPECT_EQ(end.output[1].media_type, "image/png");
  EXPECT_EQ(end.metrics.at("count"), 2);
  EXPECT_TRUE(end.metrics.contains("predict_time"));
}

TEST_F(PoolTest, GathersAllThatTheSetUpSaid) {
  start_pool();
  turn_until(Health::ready);
  EXPECT_NE(pool->setup().logs.find("set-up begins\n"), std::string::npos);
  EXPECT_NE(pool->setup().logs.find("loading ok\n"), std::string::npos);
}

TEST_F(PoolTest, RawOutputBelongsToThePredictionThatRunsAlone) {
  options.slots = 2;
  start_pool();
  turn_until(Health::ready);
  // The last print has no line end and comes right before the end: neither may lose it.
  const Snapshot alone =
      finish(R"([["print", "one\n"], ["complain", "two\n"], ["print", "three"]])");
  for (const char* line : {"one\n", "two\n", "three\n"})
    EXPECT_NE(alone.logs.find(line), std::string::npos) << line;

  const auto other = run(R"([["wait_cancel"]])");
  const Snapshot crowded = finish(R"([["print", "whose?\n"], ["log", "mine"]])");
  EXPECT_EQ(crowded.logs, "mine\n");
  EXPECT_EQ(other->snapshot().logs, "");
}

TEST_F(PoolTest, ASlotIsFreeBeforeTheEndIsHeard) {
  start_pool();
  turn_until(Health::ready);
  const auto first = make_prediction();
  std::shared_ptr<Prediction> second;
  first->observe([&](const Snapshot&, const PredictionEvent& event) {
    if (event.kind != PredictionEvent::Kind::completed) return;
    EXPECT_EQ(pool->health(), Health::ready);
    second = run(R"([["output", 2]])");
  });
  ASSERT_TRUE(pool->run(first, script(R"([["output", 1]])")));
  EXPECT_EQ(pool->health(), Health::busy);
  EXPECT_EQ(run(R"([])"), nullptr);
  turn_until([&] { return second && is_terminal(second->snapshot().status); });
  EXPECT_EQ(second->snapshot().status, Status::succeeded);
}

TEST_F(PoolTest, FailsWithWhatTheTemplateSaid) {
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["fail", "the sky fell"]])");
  EXPECT_EQ(end.status, Status::failed);
  EXPECT_EQ(end.error, "the sky fell");
  EXPECT_FALSE(end.bad_input);
  EXPECT_TRUE(finish(R"([["refuse", "too wide"]])").bad_input);
}

TEST_F(PoolTest, AMissingOutputFileFailsTheRun) {
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["missing"]])");
  EXPECT_EQ(end.status, Status::failed);
  EXPECT_EQ(end.error, "the output file 'x.png' does not exist");
}

TEST_F(PoolTest, AnOutputNameIsOnlyAName) {
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["file", "a.txt", "x", "../../etc/passwd"]])");
  ASSERT_EQ(end.output.size(), 1U);
  EXPECT_EQ(end.output[0].name, "passwd");
}

TEST_F(PoolTest, CancelEndsTheRun) {
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["log", "waiting"], ["wait_cancel"]])");
  turn_until([&] { return !prediction->snapshot().logs.empty(); });
  pool->cancel(*prediction);
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().status, Status::canceled);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
}

TEST_F(PoolTest, CancelRightAfterStartIsNotLost) {
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["wait_cancel"]])");
  pool->cancel(*prediction);
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().status, Status::canceled);
}

TEST_F(PoolTest, AnIgnoredCancelEndsTheWorker) {
  options.cancel_limit = std::chrono::milliseconds(50);
  options.max_respawns = 0;  // ending a worker on purpose spends no retry
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["hang"]])");
  pool->cancel(*prediction);
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().status, Status::canceled);
  EXPECT_NE(prediction->snapshot().logs.find("ignores cancel"), std::string::npos);
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
}

TEST_F(PoolTest, ATemplateThatRunsOneAtATimeGetsOneSlot) {
  options.slots = 2;
  options.weights = "serial";
  start_pool();
  turn_until(Health::ready);
  ASSERT_NE(run(R"([["wait_cancel"]])"), nullptr);
  EXPECT_EQ(run(R"([["output", 1]])"), nullptr);
  EXPECT_EQ(pool->health(), Health::busy);
}

TEST_F(PoolTest, AnswersRequests) {
  start_pool();
  json answer;
  pool->request({{"type", "engine_info"}}, [&](json got) { answer = std::move(got); });
  turn_until([&] { return !answer.is_null(); });
  EXPECT_EQ(answer.at("error"), "no worker is ready");

  turn_until(Health::ready);
  answer = nullptr;
  pool->request({{"type", "engine_info"}}, [&](json got) { answer = std::move(got); });
  turn_until([&] { return !answer.is_null(); });
  EXPECT_EQ(answer.at("torch"), "none");
}

TEST_F(PoolTest, ShutsDown) {
  options.slots = 2;
  options.slot_isolation = true;
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["hang"]])");
  bool stopped = false;
  pool->shutdown(std::chrono::milliseconds(5000), [&] { stopped = true; });
  turn_until([&] { return stopped; });
  EXPECT_EQ(prediction->snapshot().status, Status::failed);
}

TEST_F(PoolTest, ShutsDownWorkersThatDoNotListen) {
  options.weights = "hang";
  start_pool();
  bool stopped = false;
  pool->shutdown(std::chrono::milliseconds(50), [&] { stopped = true; });
  turn_until([&] { return stopped; });
}

}  // namespace
}  // namespace dream::host
