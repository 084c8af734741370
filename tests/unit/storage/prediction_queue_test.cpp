// A prediction runs on one host at a time, and is not lost with the process that had it.
#include "host/storage/prediction_queue.hpp"

#include "database_fixture.hpp"
#include "host/storage/blob_rows.hpp"
#include "host/storage/models.hpp"
#include "host/storage/predictions.hpp"

namespace dream::host {
namespace {

constexpr Micros second = 1'000'000;
const HostKind texts{"texts", std::string(64, 'b')};

std::optional<NewDelivery> announce(const StoredPrediction& prediction, const std::string& event) {
  return NewDelivery{prediction.id, "http://x/hook", event + " " + prediction.status, "anna"};
}

class PredictionQueueTest : public DatabaseTest {
 protected:
  PredictionQueueTest() { announce_blob(pool(), {texts.weights, 1}, 0); }
  void create(const std::string& id, const HostKind& kind = texts,
              std::optional<Micros> deadline = {}) {
    EXPECT_TRUE(predictions_.create({id, "anna", "anna", "me", std::string(64, 'a'), kind, "{}", {},
                                     {}, deadline},
                                    0));
  }
  StoredPrediction find(const std::string& id) { return predictions_.find(id).value(); }
  std::vector<std::string> told(const std::string& id) {
    std::vector<std::string> bodies;
    for (const auto& delivery : deliveries_.about(id)) bodies.push_back(delivery.body);
    return bodies;
  }

  StoredPredictions predictions_{pool(), announce};
  PredictionQueue queue_{pool(), announce};
  Deliveries deliveries_{pool()};
};
using Bodies = std::vector<std::string>;

TEST_P(PredictionQueueTest, RunsInTheOrderTheyCameOnHostsOfTheirKind) {
  create("one");
  create("two");
  create("other", {"texts", texts.weights, "anna/fast"});
  EXPECT_FALSE(queue_.claim({"files", texts.weights}, "p", second));
  const auto demand = queue_.demand();
  ASSERT_EQ(demand.size(), 2U);
  EXPECT_EQ(demand[0].kind.key(), texts.key());
  EXPECT_EQ(demand[0].waiting, 2);
  const auto first = queue_.claim(texts, "p", second);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, "one");
  EXPECT_EQ(first->status, "processing");
  EXPECT_EQ(first->attempt, 1);
  EXPECT_EQ(queue_.claim(texts, "p", second)->id, "two");
  EXPECT_FALSE(queue_.claim(texts, "p", second));
}

TEST_P(PredictionQueueTest, KeepsWhatItsHostTells) {
  create("one");
  queue_.claim(texts, "p", second);
  EXPECT_TRUE(queue_.progress("one", 1, {R"(["a"])", "line\n"}));
  EXPECT_TRUE(queue_.progress("one", 1, {R"(["a"])", "line\nmore\n"}));
  EXPECT_TRUE(queue_.progress("one", 1, {std::nullopt, "line\n"}));  // came late: nothing is lost
  EXPECT_EQ(find("one").logs, "line\nmore\n");
  EXPECT_FALSE(queue_.progress("one", 2, {R"(["x"])", ""}));
  EXPECT_TRUE(queue_.finish("one", 1, {.status = "succeeded", .output = R"(["a","b"])"}));
  EXPECT_FALSE(queue_.finish("one", 1, {.status = "failed"}));
  EXPECT_FALSE(queue_.progress("one", 1, {R"(["x"])", ""}));
  EXPECT_EQ(find("one").output, R"(["a","b"])");
  EXPECT_EQ(find("one").logs, "line\nmore\n");
  EXPECT_EQ(told("one"), (Bodies{"start processing", "output processing", "logs processing",
                                 "completed succeeded"}));
}

TEST_P(PredictionQueueTest, RunsAgainWhenItsProcessIsGoneButNotForEver) {
  create("one");
  for (int attempt = 1; attempt <= 2; ++attempt) {
    EXPECT_EQ(queue_.claim(texts, "p", -second)->attempt, attempt);
    queue_.tend(3);
    EXPECT_EQ(find("one").status, "starting");
  }
  queue_.claim(texts, "p", -second);
  queue_.tend(3);
  EXPECT_EQ(find("one").status, "failed");
  EXPECT_NE(find("one").error->find("3 times"), std::string::npos);
}

TEST_P(PredictionQueueTest, ALeaseThatIsRenewedIsKept) {
  create("one");
  queue_.claim(texts, "p", -second);
  queue_.renew("other", second);
  queue_.renew("p", 60 * second);
  queue_.tend(3);
  EXPECT_EQ(find("one").status, "processing");
  ASSERT_EQ(queue_.held("p").size(), 1U);
  EXPECT_FALSE(queue_.held("p")[0].is_to_end);
  EXPECT_TRUE(predictions_.cancel("one"));
  EXPECT_TRUE(queue_.held("p")[0].is_to_end);
  EXPECT_EQ(find("one").status, "processing");  // until its host has ended it
  EXPECT_TRUE(queue_.put_back("one", 1));
  EXPECT_EQ(queue_.claim(texts, "p", second)->attempt, 1);
}

TEST_P(PredictionQueueTest, WhatWaitsEndsAtOnce) {
  create("canceled");
  create("late", texts, now_micros() - second);
  create("hopeless");
  EXPECT_TRUE(predictions_.cancel("canceled"));
  EXPECT_FALSE(predictions_.cancel("canceled"));
  EXPECT_FALSE(predictions_.cancel("none"));
  queue_.tend(3);
  queue_.fail_waiting(texts, "no host", find("hopeless").created_at - 1);  // it came later
  EXPECT_EQ(find("hopeless").status, "starting");
  create("claimed", {"files", texts.weights});
  queue_.claim({"files", texts.weights}, "p", second);
  queue_.fail_waiting({"files", texts.weights}, "no host", now_micros());
  EXPECT_EQ(find("claimed").status, "processing");
  queue_.fail_waiting(texts, "no host", now_micros());
  EXPECT_EQ(find("canceled").status, "canceled");
  EXPECT_EQ(find("late").status, "canceled");
  EXPECT_EQ(find("hopeless").error, "no host");
  EXPECT_TRUE(queue_.demand().empty());
  EXPECT_EQ(told("late"), Bodies{"completed canceled"});
}

TEST_P(PredictionQueueTest, AnAccountMayHaveSoManyWaiting) {
  create("one");
  const NewStoredPrediction next{"two", "anna", "anna", "me", std::string(64, 'a'), texts, "{}",
                                 {},    {},     {}};
  EXPECT_FALSE(predictions_.create(next, 1));
  queue_.claim(texts, "p", second);
  EXPECT_TRUE(predictions_.create(next, 1));
}

ON_BOTH_DATABASES(PredictionQueueTest);

}  // namespace
}  // namespace dream::host
