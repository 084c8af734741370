// What a worker may do: always little, on request less.
#include "host/workers/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

#include "pool_fixture.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

bool possible(const Sandbox& sandbox) {
  try {
    check_sandbox(sandbox);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

TEST_F(PoolTest, WorkersHaveNoPrivilegesToGain) {
  start_pool();
  turn_until(Health::ready);
  const json limits = finish(R"([["limits"]])").output.at(0).value;
  EXPECT_EQ(limits.at("no_new_privs"), 1);
  EXPECT_EQ(limits.at("core"), 0);
  EXPECT_LE(limits.at("files").get<std::uint64_t>(), 16384U);
  EXPECT_EQ(limits.at("uid"), ::geteuid());
}

TEST_F(PoolTest, TheirMemoryMayBeLimited) {
  options.sandbox.memory_bytes = 3ULL << 30;
  start_pool();
  turn_until(Health::ready);
  EXPECT_EQ(finish(R"([["limits"]])").output.at(0).value.at("data"), 3ULL << 30);
}

TEST_F(PoolTest, TheyMayRunAsAnotherUser) {
  options.sandbox.user = "nobody";
  if (!possible(options.sandbox)) GTEST_SKIP() << "needs root";
  options.scratch = folder / "scratch";
  start_pool();
  turn_until(Health::ready);
  const Snapshot end = finish(R"([["limits"], ["file", "a.txt", "mine"]])");
  ASSERT_EQ(end.status, Status::succeeded) << end.error;
  EXPECT_NE(end.output.at(0).value.at("uid"), 0);
  EXPECT_EQ(end.output.at(1).name, "a.txt");
}

TEST_F(PoolTest, TheirFilesMayBeReadOnly) {
  options.sandbox.read_only_root = true;
  if (!possible(options.sandbox)) GTEST_SKIP() << "needs mount namespaces";
  const auto outside = folder / "outside";
  const auto inside = folder / "inside";
  std::filesystem::create_directories(outside);
  std::filesystem::create_directories(inside);
  options.sandbox.writable = {inside, folder / "missing"};
  start_pool();
  turn_until(Health::ready);
  const json steps = json::array({json::array({"write", (outside / "x").string()}),
                                  json::array({"write", (inside / "x").string()})});
  const Snapshot end = finish(steps.dump());
  ASSERT_EQ(end.output.size(), 2U);
  EXPECT_EQ(end.output[0].value, false);
  EXPECT_EQ(end.output[1].value, true);
  EXPECT_TRUE(std::filesystem::exists(inside / "x")) << "the host sees what the worker writes";
}

TEST(SandboxTest, AnUnknownUserIsNamed) {
  Sandbox sandbox;
  sandbox.user = "no-such-user";
  try {
    check_sandbox(sandbox);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "the worker's user: there is no user 'no-such-user'");
  }
}

TEST(SandboxTest, TheUsualOneIsAlwaysPossible) {
  EXPECT_NO_THROW(check_sandbox({}));
}

}  // namespace
}  // namespace dream::host
