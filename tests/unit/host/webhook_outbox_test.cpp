// The sender with an outbox: what is kept when, what a later process sends, when it gives up.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "host/storage/outbox.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "tests/unit/temporary_folder.hpp"
#include "tests/unit/webhook_receiver.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

WebhookPolicy quick() {
  WebhookPolicy policy;
  policy.backoff = milliseconds(1);
  policy.max_retries = 3;
  return policy;
}

std::string stopped(const std::string& body) {
  return body + " stopped";
}

bool comes_true(const std::function<bool()>& check) {
  for (int i = 0; i < 500 && !check(); ++i) std::this_thread::sleep_for(milliseconds(10));
  return check();
}

constexpr char nobody[] = "http://127.0.0.1:1/hook";

struct WebhookOutbox : testing::Test {
  TemporaryFolder folder;
};

TEST_F(WebhookOutbox, IsEmptyOnceAllHasArrived) {
  WebhookReceiver receiver({200, 503});
  Outbox outbox(folder.path());
  WebhookSender sender(quick(), &outbox);
  const auto line = WebhookSender::open({receiver.url()});
  sender.expect(*line, "starts");
  EXPECT_EQ(outbox.size(), 1U);
  sender.send(line, "update", false);
  EXPECT_EQ(outbox.size(), 1U);
  sender.send(line, "end", true);
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  EXPECT_EQ(receiver.bodies(), (Texts{"update", "end", "end"}));
  const auto ids = receiver.headers("webhook-id");
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[1], ids[2]);
}

TEST_F(WebhookOutbox, TheNextProcessSendsWhatIsLeft) {
  WebhookReceiver receiver;
  {
    Outbox outbox(folder.path());
    WebhookSender sender(quick(), &outbox);
    const auto running = WebhookSender::open({receiver.url(), "00-trace", "k=v", "running"});
    sender.expect(*running, "starts");
  }
  {
    Outbox outbox(folder.path());
    outbox.keep({"msg_of_old", "ended", receiver.url()}, "end", std::chrono::system_clock::now());
  }
  Outbox outbox(folder.path());
  WebhookSender sender(quick(), &outbox);
  EXPECT_EQ(sender.resume(stopped), 2U);
  EXPECT_TRUE(sender.drain(milliseconds(5000)));
  auto bodies = receiver.bodies();
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies, (Texts{"end", "starts stopped"}));
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  auto traces = receiver.headers("traceparent");
  std::sort(traces.begin(), traces.end());
  EXPECT_EQ(traces, (Texts{"", "00-trace"}));
  EXPECT_EQ(sender.resume(stopped), 0U);
}

TEST_F(WebhookOutbox, DeliveriesAboutOneThingKeepTheirOrder) {
  WebhookReceiver receiver({503, 200, 503, 503});
  Outbox outbox(folder.path());
  const auto now = std::chrono::system_clock::now();
  for (const char* id : {"1", "2", "3"}) outbox.keep({id, "same", receiver.url()}, id, now);
  WebhookSender sender(quick(), &outbox);
  sender.resume(stopped);
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  EXPECT_EQ(receiver.bodies(), (Texts{"1", "1", "2", "2", "2", "3"}));
  EXPECT_EQ(receiver.headers("webhook-id"), (Texts{"1", "1", "2", "2", "2", "3"}));
}

TEST_F(WebhookOutbox, GoesOnTryingBeyondTheRetriesOfOthers) {
  WebhookReceiver receiver({500, 500, 500, 500, 500, 500});
  Outbox outbox(folder.path());
  WebhookSender sender(quick(), &outbox);
  sender.send(WebhookSender::open({receiver.url()}), "end", true);
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  EXPECT_EQ(receiver.bodies(), Texts(7, "end"));
}

TEST_F(WebhookOutbox, NobodyWaitsForAReceiverThatIsAway) {
  Outbox outbox(folder.path());
  WebhookSender sender(quick(), &outbox);
  sender.send(WebhookSender::open({nobody}), "end", true);
  EXPECT_TRUE(sender.drain(milliseconds(5000)));
  EXPECT_EQ(outbox.size(), 1U);
}

TEST_F(WebhookOutbox, GivesUpWhatIsTooOldAfterOneMoreTry) {
  WebhookReceiver receiver({500, 500, 404});
  Outbox outbox(folder.path());
  const auto now = std::chrono::system_clock::now();
  outbox.keep({"old", "a", receiver.url()}, "old", now - std::chrono::hours(25));
  outbox.keep({"away", "b", nobody}, "away", now - std::chrono::hours(25));
  WebhookSender sender(quick(), &outbox);
  sender.resume(stopped);
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  EXPECT_EQ(receiver.bodies(), (Texts{"old"}));
  outbox.keep({"young", "c", receiver.url()}, "young", now - std::chrono::hours(23));
  sender.resume(stopped);
  EXPECT_TRUE(comes_true([&] { return outbox.size() == 0; }));
  EXPECT_EQ(receiver.bodies(), (Texts{"old", "young", "young"}));  // 404 is for good
}

TEST_F(WebhookOutbox, HoldsNoMoreAttemptsThanItMay) {
  WebhookReceiver receiver;
  Outbox outbox(folder.path());
  const auto now = std::chrono::system_clock::now();
  for (int i = 0; i < 40; ++i)
    outbox.keep({std::to_string(i), std::to_string(i), receiver.url()}, "end", now);
  WebhookPolicy policy = quick();
  policy.max_in_flight = 2;
  WebhookSender sender(policy, &outbox);
  EXPECT_EQ(sender.resume(stopped), 40U);
  EXPECT_TRUE(sender.drain(milliseconds(10000)));
  EXPECT_EQ(receiver.bodies().size(), 40U);
}

TEST_F(WebhookOutbox, AnOutboxThatCannotBeUsedHoldsUpNothing) {
  WebhookReceiver receiver({503});
  Outbox outbox(folder.path() / "absent");
  WebhookSender sender(quick(), &outbox);
  const auto line = WebhookSender::open({receiver.url()});
  sender.expect(*line, "starts");
  sender.send(line, "end", true);
  EXPECT_TRUE(sender.drain(milliseconds(5000)));
  EXPECT_EQ(receiver.bodies(), (Texts{"end", "end"}));
}

}  // namespace
}  // namespace dream::host
