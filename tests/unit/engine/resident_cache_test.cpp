// The budget of what stays in memory: who leaves, who stays, what is counted.
#include "sdk/engine/pipeline/resident_cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace dream::engine {
namespace {

struct Counted {
  explicit Counted(std::atomic<int>& counter) : alive(counter) { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  std::atomic<int>& alive;
  std::shared_ptr<const void> needs;  // something else of the cache
};

class ResidentCacheTest : public testing::Test {
 protected:
  std::shared_ptr<ResidentCache> make(std::int64_t budget) {
    return ResidentCache::make(budget, [this](const std::string& line) { log_.push_back(line); });
  }
  std::shared_ptr<const Counted> add(ResidentCache& cache, const std::string& name,
                                     std::int64_t bytes, const std::string& kind = "unet") {
    cache.make_room(bytes);
    return cache.add(name, {kind, name, bytes}, std::make_shared<const Counted>(alive_));
  }
  static std::string names(const ResidentCache& cache) {
    std::string names;
    for (const auto& resident : cache.residents()) names += resident.name + " ";
    return names;
  }

  std::atomic<int> alive_ = 0;
  std::vector<std::string> log_;
};

TEST_F(ResidentCacheTest, KeepsWhatNobodyUses) {
  const auto cache = make(0);
  const auto* first = add(*cache, "a", 100).get();
  EXPECT_EQ(cache->find<Counted>("a").get(), first);
  EXPECT_EQ(cache->find<Counted>("b"), nullptr);
  EXPECT_EQ(cache->bytes(), 100);
}

TEST_F(ResidentCacheTest, LeastRecentlyUsedLeavesFirst) {
  const auto cache = make(300);
  for (const char* name : {"a", "b", "c"}) add(*cache, name, 100);
  cache->find<Counted>("a");
  add(*cache, "d", 100);
  EXPECT_EQ(names(*cache), "d a c ");
  add(*cache, "e", 150);
  EXPECT_EQ(names(*cache), "e d ") << "a and c have to leave for 150";
  EXPECT_EQ(alive_, 2);
  ASSERT_EQ(log_.size(), 3U);
  EXPECT_EQ(log_.front(), "memory: unet of b leaves (100 B)");
}

TEST_F(ResidentCacheTest, RoomIsMadeBeforeTheNewComes) {
  const auto cache = make(300);
  for (const char* name : {"a", "b", "c"}) add(*cache, name, 100);
  cache->make_room(200);
  EXPECT_EQ(names(*cache), "c ");
}

TEST_F(ResidentCacheTest, WhatIsUsedNeverLeaves) {
  const auto cache = make(200);
  auto a = add(*cache, "a", 150);
  auto b = add(*cache, "b", 150);
  EXPECT_EQ(alive_, 2);
  ASSERT_FALSE(log_.empty());
  EXPECT_EQ(log_.back(), "memory: what is in use takes 300 B, more than the budget of 200 B");
  EXPECT_TRUE(cache->residents().front().in_use);
  auto again = a;
  a.reset();
  EXPECT_EQ(alive_, 2) << "a copy holds it";
  again.reset();
  EXPECT_EQ(names(*cache), "b ") << "held to the budget as soon as it can be";
  b.reset();
  EXPECT_EQ(names(*cache), "b ");
}

TEST_F(ResidentCacheTest, TheEndOfAUseCounts) {
  const auto cache = make(300);
  auto a = add(*cache, "a", 100);
  add(*cache, "b", 100);
  a.reset();
  add(*cache, "c", 100);
  add(*cache, "d", 100);
  EXPECT_EQ(names(*cache), "d c a ");
}

TEST_F(ResidentCacheTest, OneThingLargerThanTheBudgetStaysAlone) {
  const auto cache = make(100);
  add(*cache, "small", 50);
  add(*cache, "large", 500);
  EXPECT_EQ(names(*cache), "large ");
  EXPECT_NE(cache->find<Counted>("large"), nullptr);
  add(*cache, "small", 50);
  EXPECT_EQ(names(*cache), "small ");
}

TEST_F(ResidentCacheTest, KindsHaveLimitsOfTheirOwn) {
  const auto cache = make(0);
  cache->limit("lora", 100);
  add(*cache, "base", 1000);
  add(*cache, "x", 60, "lora");
  add(*cache, "y", 60, "lora");
  EXPECT_EQ(names(*cache), "y base ");
  add(*cache, "z", 200, "lora");
  EXPECT_EQ(names(*cache), "base ") << "made for its use, not kept";
}

TEST_F(ResidentCacheTest, WhatAnotherNeedsStaysWithIt) {
  const auto cache = make(250);
  {
    auto base = add(*cache, "base", 100);
    auto variant = std::make_shared<Counted>(alive_);
    variant->needs = base;
    cache->add<Counted>("variant", {"lora", "variant", 50}, std::move(variant));
  }
  add(*cache, "other", 100);
  EXPECT_EQ(alive_, 3);
  add(*cache, "third", 150);  // the variant leaves, and with it what kept the base
  EXPECT_EQ(names(*cache), "third other ");
  EXPECT_EQ(alive_, 2);
}

TEST_F(ResidentCacheTest, AThingMayHaveSeveralKeys) {
  const auto cache = make(100);
  const auto a = add(*cache, "a", 100);
  cache->add_key("a", "also a");
  cache->add_key("gone", "nothing");
  EXPECT_EQ(cache->find<Counted>("also a"), a);
  EXPECT_EQ(cache->find<Counted>("nothing"), nullptr);
  EXPECT_EQ(cache->bytes(), 100);
  const auto second = std::make_shared<const Counted>(alive_);
  EXPECT_EQ(cache->add("also a", {"unet", "x", 1}, second), a) << "the first one stays";
  EXPECT_EQ(cache->all<Counted>("unet").size(), 1U);
  EXPECT_TRUE(cache->all<Counted>("vae").empty());
}

TEST_F(ResidentCacheTest, LookingIsNoUse) {
  const auto cache = make(300);
  add(*cache, "a", 100);
  add(*cache, "b", 100);
  for (const auto& [key, thing] : cache->all<Counted>("unet")) EXPECT_NE(thing, nullptr);
  EXPECT_EQ(names(*cache), "b a ");
  EXPECT_EQ(cache->residents().back().uses, 1U);
}

TEST_F(ResidentCacheTest, ManyThreadsHoldToTheBudget) {
  const auto cache = ResidentCache::make(1000, {});
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 2000; ++i) {
        const auto name = std::to_string((i * 7 + thread * 3) % 25);
        auto held = cache->find<Counted>(name);
        if (!held) {
          const std::lock_guard lock(cache->loading());
          held = add(*cache, name, 100);
        }
        ASSERT_GT(held->alive, 0);
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache->bytes(), 1000);
  EXPECT_EQ(alive_ * 100, cache->bytes());
}

}  // namespace
}  // namespace dream::engine
