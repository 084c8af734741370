// Which hosts start and end: who waits longest is served first, and nothing that is needed goes.
#include "host/platform/host_plan.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

using State = HostView::State;
constexpr Micros second = 1'000'000;
constexpr Micros now = 10'000 * second;

HostKind kind(const std::string& name) {
  return {name, std::string(64, 'a')};
}
HostView host(const std::string& name, State state, Micros age = 0, std::uint64_t bytes = 0) {
  return {kind(name), state, now - age, bytes};
}
HostWish wish(const std::string& name, std::int64_t waiting, Micros age = second) {
  return {kind(name), waiting, now - age, 0, 1};
}
std::vector<std::string> names(const std::vector<HostKind>& kinds) {
  std::vector<std::string> all;
  for (const auto& each : kinds) all.push_back(each.template_name);
  return all;
}
using Names = std::vector<std::string>;
using Places = std::vector<std::size_t>;

TEST(HostPlanTest, NothingComesOfNothing) {
  const HostPlan plan = plan_hosts({}, {}, {}, now);
  EXPECT_TRUE(plan.start.empty());
  EXPECT_TRUE(plan.end.empty());
}

TEST(HostPlanTest, StartsOneHostForEachKindThatWaitsAsFarAsThereIsRoom) {
  const HostPlan plan =
      plan_hosts({}, {wish("a", 5), wish("b", 1), wish("c", 1)}, {.hosts = 2}, now);
  EXPECT_EQ(names(plan.start), (Names{"a", "b"}));
}

TEST(HostPlanTest, OneThatStartsOrIsBusyIsEnough) {
  for (const State state : {State::starting, State::busy, State::idle}) {
    const HostPlan plan = plan_hosts({host("a", state)}, {wish("a", 3)}, {.hosts = 2}, now);
    EXPECT_TRUE(plan.start.empty());
    EXPECT_TRUE(plan.end.empty());
  }
}

TEST(HostPlanTest, ADeploymentHasAsManyAsItsPredictionsNeedUpToItsMost) {
  HostWish many = wish("a", 2);
  many.most = 3;
  const HostPlan plan = plan_hosts({host("a", State::busy)}, {many}, {.hosts = 9}, now);
  EXPECT_EQ(plan.start.size(), 2U);
  many.waiting = 7;
  EXPECT_EQ(plan_hosts({host("a", State::busy)}, {many}, {.hosts = 9}, now).start.size(), 2U);
}

TEST(HostPlanTest, NoneIsStartedInAPauseAndNoneMakesRoomForIt) {
  HostWish paused = wish("a", 5, 9000 * second);
  paused.is_paused = true;
  const HostPlan plan = plan_hosts({host("b", State::idle)}, {paused}, {.hosts = 1}, now);
  EXPECT_TRUE(plan.start.empty());
  EXPECT_TRUE(plan.end.empty());
}

TEST(HostPlanTest, ItsLeastAreKeptWithoutWork) {
  HostWish kept = wish("a", 0);
  kept.least = 2;
  kept.most = 2;
  EXPECT_EQ(plan_hosts({}, {kept}, {.hosts = 3}, now).start.size(), 2U);
  const HostBounds bounds{.hosts = 3, .idle = 5 * second};
  const auto old = host("a", State::idle, 60 * second);
  EXPECT_TRUE(plan_hosts({old, old}, {kept}, bounds, now).end.empty());
  EXPECT_EQ(plan_hosts({old, old, old}, {kept}, bounds, now).end.size(), 1U);
}

TEST(HostPlanTest, EndsWhatHasBeenIdleForLong) {
  const HostBounds bounds{.hosts = 3, .idle = 5 * second};
  const HostPlan plan = plan_hosts({host("a", State::idle, 6 * second), host("b", State::idle),
                                    host("c", State::busy, 60 * second)},
                                   {}, bounds, now);
  EXPECT_EQ(plan.end, (Places{0}));
  // One that is about to take what waits stays.
  EXPECT_TRUE(plan_hosts({host("a", State::idle, 6 * second)}, {wish("a", 1)}, bounds, now)
                  .end.empty());
}

TEST(HostPlanTest, TheOneIdleForLongestMakesRoom) {
  const HostPlan plan =
      plan_hosts({host("a", State::idle, second), host("b", State::idle, 2 * second)},
                 {wish("c", 1)}, {.hosts = 2}, now);
  EXPECT_TRUE(plan.start.empty());
  EXPECT_EQ(plan.end, (Places{1}));
  // It is on its way out: nobody else has to go.
  EXPECT_TRUE(plan_hosts({host("a", State::idle), host("b", State::ending)}, {wish("c", 1)},
                         {.hosts = 2}, now)
                  .end.empty());
}

TEST(HostPlanTest, BusyOnesGoOnlyForWhatHasWaitedLongerAndForLong) {
  const HostBounds bounds{.hosts = 1, .patience = 10 * second};
  const std::vector<HostView> busy{host("a", State::busy)};
  EXPECT_TRUE(plan_hosts(busy, {wish("b", 1, 5 * second), wish("a", 9, second)}, bounds, now)
                  .end.empty());
  EXPECT_EQ(plan_hosts(busy, {wish("b", 1, 20 * second), wish("a", 9, second)}, bounds, now).end,
            (Places{0}));
  EXPECT_TRUE(plan_hosts(busy, {wish("a", 9, 30 * second), wish("b", 1, 20 * second)}, bounds, now)
                  .end.empty());
  // Without more to do it will be idle by itself.
  EXPECT_TRUE(plan_hosts(busy, {wish("b", 1, 20 * second)}, bounds, now).end.empty());
}

TEST(HostPlanTest, MemoryHoldsOthersBackButNotTheOnlyOne) {
  const HostBounds bounds{.hosts = 9, .bytes = 100};
  EXPECT_EQ(plan_hosts({host("a", State::busy, 0, 99)}, {wish("b", 1)}, bounds, now).start.size(),
            1U);
  EXPECT_TRUE(plan_hosts({host("a", State::busy, 0, 100)}, {wish("b", 1)}, bounds, now)
                  .start.empty());
  EXPECT_EQ(plan_hosts({host("a", State::idle, 0, 100)}, {wish("b", 1)}, bounds, now).end,
            (Places{0}));
  EXPECT_EQ(plan_hosts({}, {wish("b", 1)}, {.hosts = 1, .bytes = 1}, now).start.size(), 1U);
}

}  // namespace
}  // namespace dream::host
