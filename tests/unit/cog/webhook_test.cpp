// The sender against a receiver in this process: order, retries, what is given up.
#include <gtest/gtest.h>

#include "host/webhooks/webhook_observer.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "tests/unit/webhook_receiver.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

using Receiver = WebhookReceiver;

WebhookPolicy quick() {
  WebhookPolicy policy;
  policy.backoff = milliseconds(1);
  policy.max_retries = 3;
  policy.bearer_token = "secret";
  return policy;
}

TEST(WebhookSender, KeepsTheOrderAndSendsTheHeaders) {
  Receiver receiver;
  WebhookSender sender(quick());
  const auto line = WebhookSender::open({receiver.url(), "00-abc", "k=v"});
  for (int i = 0; i < 20; ++i) sender.send(line, std::to_string(i), false);
  sender.send(line, "end", true);
  ASSERT_TRUE(sender.drain(milliseconds(5000)));
  const auto bodies = receiver.bodies();
  ASSERT_EQ(bodies.size(), 21U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(bodies[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_EQ(bodies.back(), "end");
  const std::string request = receiver.requests().front();
  EXPECT_NE(request.find("POST /hook "), std::string::npos);
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(request.find("Authorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_NE(request.find("User-Agent: dream/"), std::string::npos);
  EXPECT_NE(request.find("traceparent: 00-abc\r\n"), std::string::npos);
  EXPECT_NE(request.find("tracestate: k=v\r\n"), std::string::npos);
}

TEST(WebhookSender, RetriesTheTerminalDeliveryAlone) {
  Receiver receiver({500, 503, 429, 200});
  WebhookSender sender(quick());
  const auto line = WebhookSender::open({receiver.url(), "", ""});
  sender.send(line, "update", false);  // 500: not tried again
  sender.send(line, "end", true);      // 503, 429, 200
  ASSERT_TRUE(sender.drain(milliseconds(5000)));
  EXPECT_EQ(receiver.bodies(), (std::vector<std::string>{"update", "end", "end", "end"}));
}

TEST(WebhookSender, GivesUpAfterTheRetriesAndOnOtherStatuses) {
  Receiver always_bad({500, 500, 500, 500, 500, 500});
  Receiver refuses({404});
  WebhookSender sender(quick());
  sender.send(WebhookSender::open({always_bad.url(), "", ""}), "end", true);
  sender.send(WebhookSender::open({refuses.url(), "", ""}), "end", true);
  ASSERT_TRUE(sender.drain(milliseconds(5000)));
  EXPECT_EQ(always_bad.bodies().size(), 4U);  // one attempt and three retries
  EXPECT_EQ(refuses.bodies().size(), 1U);
}

TEST(WebhookSender, DropsAnUnusableUrlAndServesTheOthers) {
  Receiver receiver;
  WebhookSender sender(quick());
  sender.send(WebhookSender::open({"not a url", "", ""}), "end", true);
  sender.send(WebhookSender::open({"file:///etc/passwd", "", ""}), "end", true);
  sender.send(WebhookSender::open({receiver.url(), "", ""}), "end", true);
  ASSERT_TRUE(sender.drain(milliseconds(5000)));
  EXPECT_EQ(receiver.bodies().size(), 1U);
}

TEST(WebhookObserver, FiltersAndThrottles) {
  Receiver receiver;
  WebhookSender sender(quick());
  const auto run = [&](WebhookEvents events, milliseconds interval) {
    Prediction prediction({}, {});
    prediction.observe(webhook_observer(
        sender, WebhookSender::open({receiver.url(), "", ""}), events,
        [](const Snapshot& snapshot) {
          return std::string(to_string(snapshot.status)) + std::to_string(snapshot.output.size());
        },
        interval));
    prediction.start();
    prediction.log("one");
    prediction.log("two");
    prediction.output({1, {}, {}, {}});
    prediction.output({2, {}, {}, {}});
    prediction.succeed();
    EXPECT_TRUE(sender.drain(milliseconds(5000)));
  };
  run(WebhookEvents::all(), milliseconds(60000));
  EXPECT_EQ(receiver.bodies(),
            (std::vector<std::string>{"processing0", "processing1", "processing2", "succeeded2"}));
  run({.completed = true}, milliseconds(0));
  EXPECT_EQ(receiver.bodies().size(), 5U);
  run(WebhookEvents::all(), milliseconds(0));
  EXPECT_EQ(receiver.bodies().size(), 11U);
}

}  // namespace
}  // namespace dream::host
