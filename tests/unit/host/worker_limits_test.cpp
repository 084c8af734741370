// Workers that hang, take too long, say too much or leave processes behind: each is held down
// within its limit, and the next prediction succeeds.
#include <signal.h>

#include <cerrno>

#include "host/workers/worker_pool.hpp"
#include "pool_fixture.hpp"

namespace dream::host {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

bool is_gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

TEST_F(PoolTest, AWorkerThatDoesNotAnswerIsReplaced) {
  options.watchdog_limit = milliseconds(400);
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["stop"], ["sleep", 5000]])");
  EXPECT_EQ(end.status, Status::failed);
  EXPECT_EQ(end.error, "Worker crashed: it did not answer for 0.4 s");
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
  EXPECT_EQ(pool->respawns(), 1U);
}

TEST_F(PoolTest, AWorkerThatAnswersIsLeftAlone) {
  options.watchdog_limit = milliseconds(80);
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["sleep", 500], ["output", 1]])").status, Status::succeeded);
  EXPECT_EQ(pool->respawns(), 0U);
}

TEST_F(PoolTest, ASetUpThatTakesTooLongHasFailed) {
  options.weights = "hang";
  options.setup_limit = milliseconds(100);
  start_pool();
  turn_until(Health::setup_failed);
  EXPECT_EQ(pool->setup().status, "failed");
  const std::string& logs = pool->setup().logs;
  EXPECT_NE(logs.find("worker setup timed out: it took longer than 0.1 s\n"), std::string::npos)
      << logs;
  EXPECT_NE(logs.find("set-up begins\n"), std::string::npos) << logs;
}

TEST_F(PoolTest, ASetUpWithinItsLimitIsLeftAlone) {
  options.setup_limit = milliseconds(2000);
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["sleep", 50], ["output", 1]])").status, Status::succeeded);
}

TEST_F(PoolTest, ACancelMayEndInAFailure) {
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["wait_cancel"]])");
  pool->cancel(*prediction, {Status::failed, "it took too long"});
  pool->cancel(*prediction);  // the first one counts
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().status, Status::failed);
  EXPECT_EQ(prediction->snapshot().error, "it took too long");
}

TEST_F(PoolTest, SoMayOneThatIsIgnored) {
  options.cancel_limit = milliseconds(50);
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["hang"]])");
  pool->cancel(*prediction, {Status::failed, "it took too long"});
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().error, "it took too long");
}

TEST_F(PoolTest, ARunMayAskForMoreTimeToStop) {
  options.cancel_limit = milliseconds(50);
  start_pool();
  turn_until(Health::ready);
  const auto prediction = run(R"([["cancel_limit", 60], ["log", "x"], ["wait_cancel", 300]])");
  turn_until([&] { return !prediction->snapshot().logs.empty(); });
  pool->cancel(*prediction);
  turn_until([&] { return is_terminal(prediction->snapshot().status); });
  EXPECT_EQ(prediction->snapshot().status, Status::canceled);
  EXPECT_EQ(prediction->snapshot().logs, "x\n");
  // The next run has the usual one.
  const auto next = run(R"([["log", "x"], ["wait_cancel", 60000]])");
  turn_until([&] { return !next->snapshot().logs.empty(); });
  pool->cancel(*next);
  turn_until([&] { return is_terminal(next->snapshot().status); });
  EXPECT_NE(next->snapshot().logs.find("ignores cancel"), std::string::npos);
}

TEST_F(PoolTest, OutputHasALimit) {
  options.output_limits.value_bytes = 1U << 20;
  start_pool();
  turn_until(Health::ready);
  const json large = std::string(600'000, 'x');
  const json one = json::array({"output", large});
  const json steps = json::array({one, one, one, json::array({"wait_cancel"})});
  const Snapshot end = finish(steps.dump());
  EXPECT_EQ(end.status, Status::failed);
  EXPECT_EQ(end.error, "the output is larger than 1 MiB: what is so large belongs into a file");
  EXPECT_EQ(end.output.size(), 1U);
  // Small things count too, and a run has the limit for itself.
  const json many = json::array({"output", std::vector<int>(40'000)});
  EXPECT_EQ(finish(json::array({many}).dump()).status, Status::failed);
  EXPECT_EQ(finish(R"([["output", [1, {"a": [2]}]]])").status, Status::succeeded);
}

TEST_F(PoolTest, OutputFilesHaveALimit) {
  options.output_limits.file_bytes = 10;
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["file", "a.txt", "0123456789"]])").status, Status::succeeded);
  const Snapshot end = finish(R"([["file", "b.txt", "0123456789a"], ["wait_cancel"]])");
  EXPECT_EQ(end.status, Status::failed);
  EXPECT_EQ(end.error.find("the output file 'b.txt' has 0 MiB, more than the 0 MiB"), 0U)
      << end.error;
}

TEST_F(PoolTest, DroppedLogsAreCounted) {
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["log", "one"], ["dropped_logs", 7]])").logs,
            "one\n[7 more lines were dropped]\n");
}

TEST_F(PoolTest, SuccessMakesUpForCrashes) {
  options.max_respawns = 1;
  start_pool();
  for (int i = 0; i < 4; ++i) {
    turn_until(Health::ready);
    EXPECT_EQ(finish(R"([["output", 1]])").status, Status::succeeded);
    finish(R"([["die", "exit"]])");
  }
  turn_until(Health::ready);
}

TEST_F(PoolTest, DaemonsEndWithTheirWorker) {
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["daemon"]])");
  ASSERT_EQ(end.output.size(), 1U);
  const auto daemon = end.output[0].value.get<pid_t>();
  EXPECT_FALSE(is_gone(daemon));
  finish(R"([["die", "SIGKILL"]])");
  turn_until([&] { return is_gone(daemon); });
  EXPECT_TRUE(is_gone(daemon));
}

TEST_F(PoolTest, TemporaryFilesEndWithTheirWorker) {
  options.scratch = folder / "scratch";
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["limits"]])");
  const std::filesystem::path own = end.output.at(0).value.at("temporary").get<std::string>();
  EXPECT_EQ(own.parent_path(), options.scratch);
  EXPECT_TRUE(std::filesystem::is_directory(own));
  finish(R"([["die", "SIGKILL"]])");
  EXPECT_FALSE(std::filesystem::exists(own));
}

}  // namespace
}  // namespace dream::host
