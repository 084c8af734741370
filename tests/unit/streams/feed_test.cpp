// What those who watch a prediction are told, without a socket: the test is the connection.
#include "host/streams/feed.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "host/streams/feed_hub.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

Feed::Rendering rendering() {
  return {[](const Snapshot& now) -> json { return {{"status", to_string(now.status)}}; },
          [](const Snapshot& now) { return now.output.back().value; }};
}

struct FeedTest : ::testing::Test {
  void begin(FeedLimits limits = {}) {
    feed = std::make_shared<Feed>(limits, rendering());
    prediction.observe(feed->observer());
  }
  std::shared_ptr<Exchange> watch(ExtraEvents extras = {}) {
    auto exchange = std::make_shared<Exchange>(Request{});
    feed->watch(*exchange, extras, {{"x-prediction-id", "p"}});
    return exchange;
  }
  void emit(const std::string& value) {
    OutputItem item;
    item.value = value;
    prediction.output(std::move(item));
  }
  static Snapshot named() {
    Snapshot snapshot;
    snapshot.id = "p";
    return snapshot;
  }

  Prediction prediction{named(), {}};
  std::shared_ptr<Feed> feed;
};

// The names of the events that are there, up to the last or to a pause; the body is closed then.
std::vector<std::string> names(Exchange& exchange, std::string* text = nullptr) {
  std::vector<std::string> found;
  while (true) {
    const BodyPiece piece = exchange.stream()->next();
    if (piece.bytes != nullptr) {
      found.push_back(piece.bytes->substr(7, piece.bytes->find('\n') - 7));
      if (text != nullptr) *text += *piece.bytes;
    }
    if (piece.last) exchange.stream()->close();
    if (piece.last || piece.bytes == nullptr) return found;
  }
}

using Names = std::vector<std::string>;

TEST_F(FeedTest, LogsComeLineByLine) {
  begin();
  const auto exchange = watch();
  prediction.log("one\ntwo\n\nlast");
  std::string text;
  EXPECT_EQ(names(*exchange, &text), (Names{"log", "log", "log", "log"}));
  EXPECT_NE(text.find(R"({"data":"\n","source":"stdout"})"), std::string::npos) << text;
  EXPECT_NE(text.find(R"({"data":"last\n","source":"stdout"})"), std::string::npos) << text;
}

TEST_F(FeedTest, WhoStartedItSeesAllThoughThereIsNoHistory) {
  begin({.history = 0});
  prediction.start();
  auto exchange = std::make_shared<Exchange>(Request{});
  feed->watch(*exchange, {}, {}, Feed::Past::all);
  emit("a");
  EXPECT_EQ(names(*exchange), (Names{"start", "output"}));
}

TEST_F(FeedTest, TellsCogsEventsInCogsForm) {
  begin();
  const auto exchange = watch();
  EXPECT_EQ(exchange->response().content_type, "text/event-stream");
  prediction.start();
  prediction.log("one\n");
  prediction.log("two\n", LogSource::standard_error);
  emit("a");
  prediction.metric("n", 2, "increment");
  prediction.succeed();
  std::string text;
  EXPECT_EQ(names(*exchange, &text),
            (Names{"start", "log", "log", "output", "metric", "completed"}));
  EXPECT_EQ(text, "event: start\ndata: {\"id\":\"p\",\"status\":\"processing\"}\n\n"
                  "event: log\ndata: {\"data\":\"one\\n\",\"source\":\"stdout\"}\n\n"
                  "event: log\ndata: {\"data\":\"two\\n\",\"source\":\"stderr\"}\n\n"
                  "event: output\ndata: {\"chunk\":\"a\",\"index\":0}\n\n"
                  "event: metric\ndata: {\"mode\":\"increment\",\"name\":\"n\",\"value\":2}\n\n"
                  "event: completed\ndata: {\"status\":\"succeeded\"}\n\n");
}

TEST_F(FeedTest, ALateWatcherIsShownWhatHappened) {
  begin();
  prediction.start();
  emit("a");
  const auto late = watch();
  EXPECT_EQ(names(*late), (Names{"start", "output"}));
  emit("b");
  EXPECT_EQ(names(*late), Names{"output"});
}

TEST_F(FeedTest, WhatLeftTheHistoryIsAnErrorThatCountsIt) {
  FeedLimits limits;
  limits.history = 2;
  begin(limits);
  prediction.start();
  for (const char* value : {"a", "b", "c", "d"}) emit(value);
  std::string text;
  EXPECT_EQ(names(*watch(), &text), Names{"error"});
  EXPECT_NE(text.find("\"error\":\"SSE stream replay truncated; events were dropped\","
                      "\"skipped\":3"), std::string::npos) << text;
}

TEST_F(FeedTest, WithoutHistoryALateWatcherSeesWhatFollows) {
  FeedLimits limits;
  limits.history = 0;
  begin(limits);
  prediction.start();
  const auto late = watch();
  prediction.succeed();
  EXPECT_EQ(names(*late), Names{"completed"});
}

TEST_F(FeedTest, ASlowWatcherLosesEventsAndIsTold) {
  FeedLimits limits;
  limits.history = limits.live = 4;
  begin(limits);
  const auto slow = watch();
  prediction.start();
  for (int i = 0; i < 10; ++i) emit("x");
  std::string text;
  EXPECT_EQ(names(*slow, &text), Names{"error"});
  EXPECT_NE(text.find("SSE stream lagged; events were dropped\",\"skipped\":7"),
            std::string::npos) << text;
}

TEST_F(FeedTest, ExtraEventsComeToWhoAsksAndOnlyTheNewest) {
  begin();
  ExtraEvents extras;
  ASSERT_TRUE(extras.add("progress,preview"));
  const auto plain = watch();
  const auto curious = watch(extras);
  prediction.start();
  for (std::uint64_t step = 1; step <= 3; ++step) {
    prediction.progress({step, 3, 0.5, ""});
    prediction.preview({0, step, 3, "data:,"});
  }
  EXPECT_EQ(names(*plain), (Names{"start", "log", "log", "log"}));
  std::string text;
  EXPECT_EQ(names(*curious, &text),
            (Names{"start", "log", "log", "log", "progress", "preview"}));
  EXPECT_NE(text.find("event: progress\ndata: {\"elapsed_s\":0.5,\"label\":\"\",\"step\":3,"
                      "\"steps\":3}"), std::string::npos) << text;
  EXPECT_NE(text.find("event: preview\ndata: {\"image\":\"data:,\",\"picture\":0,\"step\":3,"
                      "\"steps\":3}"), std::string::npos) << text;
  prediction.progress({3, 3, 0.6, ""});
  prediction.succeed();
  EXPECT_EQ(names(*curious), (Names{"log", "progress", "completed"}));
  EXPECT_FALSE(extras.add("progress,other"));
}

TEST_F(FeedTest, TheLastOneToLeaveAbandonsIt) {
  begin();
  int abandoned = 0;
  feed->on_abandoned([&] { ++abandoned; });
  const auto first = watch();
  const auto second = watch();
  prediction.start();
  first->stream()->close();
  EXPECT_EQ(abandoned, 0);
  second->stream()->close();
  EXPECT_EQ(abandoned, 1);
}

TEST_F(FeedTest, AClientThatHasGoneLeavesAtOnce) {
  begin();
  int abandoned = 0;
  feed->on_abandoned([&] { ++abandoned; });
  Exchange gone(Request{});
  gone.disconnect();
  feed->watch(gone, {}, {});
  EXPECT_EQ(abandoned, 1);
}

TEST_F(FeedTest, AfterTheEndNobodyAbandonsIt) {
  begin();
  int abandoned = 0;
  feed->on_abandoned([&] { ++abandoned; });
  const auto exchange = watch();
  prediction.succeed();
  exchange->stream()->close();
  EXPECT_EQ(abandoned, 0);
}

TEST_F(FeedTest, HasRoomForSoManyWatchers) {
  FeedLimits limits;
  limits.watchers = 2;
  begin(limits);
  const auto first = watch();
  EXPECT_FALSE(feed->is_full());
  const auto second = watch();
  EXPECT_TRUE(feed->is_full());
  first->stream()->close();
  EXPECT_FALSE(feed->is_full());
}

TEST_F(FeedTest, TheHubForgetsItAtTheEndButNotItsSuccessor) {
  FeedHub hub{FeedLimits{}};
  begin();
  hub.add("p", feed);
  prediction.observe(hub.forget_at_end("p", feed));
  const auto successor = std::make_shared<Feed>(FeedLimits{}, rendering());
  EXPECT_EQ(hub.find("p"), feed);
  hub.add("p", successor);
  prediction.succeed();
  EXPECT_EQ(hub.find("p"), successor);
  EXPECT_EQ(hub.find("q"), nullptr);
}

TEST(FeedLimits, HistoryComesFromTheEnvironment) {
  const auto history = [](const char* value) {
    setenv("COG_STREAM_HISTORY_CAPACITY", value, 1);
    const std::size_t capacity = FeedLimits::from_environment().history;
    unsetenv("COG_STREAM_HISTORY_CAPACITY");
    return capacity;
  };
  EXPECT_EQ(history("2"), 2U);
  EXPECT_EQ(history("0"), 0U);
  for (const char* wrong : {"-1", "many", "", "1.5"}) EXPECT_EQ(history(wrong), 1024U) << wrong;
}

}  // namespace
}  // namespace dream::host
