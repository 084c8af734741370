// Workers that die, at any time, and what becomes of their predictions.
#include <fcntl.h>
#include <sys/wait.h>

#include "host/base/unique_fd.hpp"
#include "host/workers/worker_pool.hpp"
#include "pool_fixture.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

TEST_F(PoolTest, ACrashFailsThePredictionAndTheNextOneSucceeds) {
  start_pool();
  turn_until(Health::ready);
  const auto prediction = make_prediction();
  int ends = 0;
  Health seen = Health::ready;
  prediction->observe([&](const Snapshot&, const PredictionEvent& event) {
    if (event.kind != PredictionEvent::Kind::completed) return;
    ++ends;
    seen = pool->health();
  });
  ASSERT_TRUE(pool->run(prediction, script(R"([["log", "last words"], ["die", "SIGKILL"]])")));
  turn_until([&] { return ends > 0; });
  EXPECT_EQ(prediction->snapshot().status, Status::failed);
  EXPECT_EQ(prediction->snapshot().error, "Worker crashed: killed by signal 9 (SIGKILL)");
  EXPECT_TRUE(prediction->snapshot().worker_died);
  EXPECT_EQ(prediction->snapshot().logs.find("last words\n"), 0U);
  EXPECT_EQ(seen, Health::starting);
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
  EXPECT_EQ(ends, 1);
}

TEST_F(PoolTest, TellsTheCrashHandlersLine) {
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["die", "SIGSEGV"]])");
  EXPECT_EQ(end.error, "Worker crashed: killed by signal 11 (SIGSEGV): fake worker: about to die");
}

TEST_F(PoolTest, AnExitIsACrashToo) {
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["die", "exit"]])").error, "Worker crashed: exited with code 3");
}

TEST_F(PoolTest, MessagesThatBreakTheProtocolEndTheWorker) {
  start_pool();
  for (const char* steps : {R"([["garbage"], ["hang"]])", R"([["bad_verb"], ["hang"]])"}) {
    turn_until(Health::ready);
    const Snapshot end = finish(steps);
    EXPECT_EQ(end.status, Status::failed);
    EXPECT_EQ(end.error.find("Worker crashed: malformed message ("), 0U) << end.error;
    turn_until(Health::starting);
  }
}

TEST_F(PoolTest, AWorkerThatDiesIdleIsReplaced) {
  start_pool();
  turn_until(Health::ready);
  json answer;
  pool->request({{"type", "healthcheck"}, {"template", "fake"}}, [&](json got) { answer = got; });
  turn_until([&] { return !answer.is_null(); });
  EXPECT_EQ(answer.at("error"), "Worker crashed: exited with code 3");
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
}

TEST_F(PoolTest, SharedIsolationFailsAllPredictionsOfTheProcess) {
  options.slots = 2;
  start_pool();
  turn_until(Health::ready);
  const auto other = run(R"([["hang"]])");
  finish(R"([["die", "SIGKILL"]])");
  turn_until([&] { return is_terminal(other->snapshot().status); });
  EXPECT_EQ(other->snapshot().error, "Worker crashed: killed by signal 9 (SIGKILL)");
}

TEST_F(PoolTest, SlotIsolationKeepsTheOthersGoing) {
  options.slots = 2;
  options.slot_isolation = true;
  start_pool();
  turn_until(Health::ready);
  const auto other = run(R"([["wait_cancel"]])");
  EXPECT_EQ(finish(R"([["die", "SIGKILL"]])").status, Status::failed);
  EXPECT_EQ(other->snapshot().status, Status::processing);
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
  pool->cancel(*other);
  turn_until([&] { return is_terminal(other->snapshot().status); });
  EXPECT_EQ(other->snapshot().status, Status::canceled);
}

TEST_F(PoolTest, ASetUpThatFailsIsReportedWithAllItPrinted) {
  options.weights = "fail";
  start_pool();
  bool settled = false;
  pool->on_settled([&] { settled = true; });
  turn_until([&] { return settled; });
  EXPECT_EQ(pool->health(), Health::setup_failed);
  EXPECT_EQ(pool->setup().status, "failed");
  for (const char* line :
       {"loading fail\n", "set-up begins\n", "worker setup failed: fake: no such weights\n"})
    EXPECT_NE(pool->setup().logs.find(line), std::string::npos) << pool->setup().logs;
  EXPECT_EQ(run(R"([])"), nullptr);
}

TEST_F(PoolTest, OneFailedSetUpEndsTheOtherProcesses) {
  options.weights = "fail";
  options.slots = 3;
  options.slot_isolation = true;
  start_pool();
  turn_until(Health::setup_failed);
  bool stopped = false;
  pool->shutdown(std::chrono::milliseconds(5000), [&] { stopped = true; });
  turn_until([&] { return stopped; });
  EXPECT_EQ(pool->health(), Health::setup_failed);
}

TEST_F(PoolTest, ACrashInTheSetUpIsRetried) {
  options.weights = "die-unless:" + (folder / "flag").string();
  start_pool();
  turn_until(Health::ready);
  const std::string& logs = pool->setup().logs;
  EXPECT_NE(logs.find("Worker crashed: killed by signal 6 (SIGABRT): fake worker: about to die\n"),
            std::string::npos)
      << logs;
}

TEST_F(PoolTest, GivesUpAfterTheRetriesWithBackOff) {
  options.weights = "die";
  options.max_respawns = 3;
  options.respawn_delay = std::chrono::milliseconds(40);
  start_pool();
  const auto begin = std::chrono::steady_clock::now();
  turn_until(Health::defunct);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(40 + 80 + 160));
  EXPECT_EQ(pool->setup().status, "failed");
  std::size_t crashes = 0;
  for (std::size_t at = 0;
       (at = pool->setup().logs.find("Worker crashed", at)) != std::string::npos;)
    ++crashes, ++at;
  EXPECT_EQ(crashes, 4U);
}

TEST_F(PoolTest, IsDefunctWhenNoRespawnSucceeds) {
  options.weights = "once:" + (folder / "flag").string();
  options.max_respawns = 2;
  start_pool();
  turn_until(Health::ready);
  finish(R"([["die", "SIGKILL"]])");
  turn_until(Health::defunct);
  EXPECT_EQ(run(R"([])"), nullptr);
}

TEST_F(PoolTest, RetriesAreSpentByCrashesInARowOnly) {
  options.max_respawns = 1;
  options.steady_after = std::chrono::milliseconds(0);  // each READY counts as lasting
  start_pool();
  for (int i = 0; i < 4; ++i) {
    turn_until(Health::ready);
    finish(R"([["die", "exit"]])");
  }
  turn_until(Health::ready);
}

TEST_F(PoolTest, AMissingProgramIsToldByName) {
  options.program = "/nowhere/dream-worker";
  options.max_respawns = 0;
  start_pool();
  turn_until(Health::defunct);
  EXPECT_NE(pool->setup().logs.find("cannot start /nowhere/dream-worker"), std::string::npos);
}

TEST_F(PoolTest, WorkersDoNotHoldTheHostsDescriptors) {
  const UniqueFd ours(::open("/dev/null", O_RDONLY));  // not marked close-on-exec, as many are
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish("[[\"is_open\", " + std::to_string(ours.get()) + "]]");
  ASSERT_EQ(end.output.size(), 1U);
  EXPECT_EQ(end.output[0].value, false);
}

TEST_F(PoolTest, NoWorkerOutlivesThePool) {
  options.slots = 2;
  options.slot_isolation = true;
  start_pool();
  turn_until(Health::ready);
  ASSERT_NE(run(R"([["hang"]])"), nullptr);
  pool.reset();
  EXPECT_LT(::waitpid(-1, nullptr, WNOHANG), 0) << "a child is left";
}

}  // namespace
}  // namespace dream::host
