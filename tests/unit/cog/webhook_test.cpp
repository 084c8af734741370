// The sender against a receiver in this process: order, retries, what is given up.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <thread>

#include "host/webhooks/webhook_observer.hpp"
#include "host/webhooks/webhook_sender.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

// Takes one request per connection and answers with the next of the given statuses, then 200.
class Receiver {
 public:
  explicit Receiver(std::deque<int> statuses = {}) : statuses_(std::move(statuses)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Receiver() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> bodies;
    for (const auto& request : requests()) {
      bodies.push_back(request.substr(request.find("\r\n\r\n") + 4));
    }
    return bodies;
  }

 private:
  void run() {
    while (true) {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      serve(client);
      close(client);
    }
  }

  void serve(int client) {
    std::string request;
    char buffer[4096];
    std::size_t expected = std::string::npos;
    while (request.size() < expected) {
      const ssize_t size = recv(client, buffer, sizeof buffer, 0);
      if (size <= 0) return;
      request.append(buffer, static_cast<std::size_t>(size));
      const std::size_t end = request.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t length = request.find("Content-Length: ");
      expected = end + 4 + std::stoul(request.substr(length + 16));
    }
    int status = 200;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (!statuses_.empty()) {
        status = statuses_.front();
        statuses_.pop_front();
      }
    }
    const std::string answer = "HTTP/1.1 " + std::to_string(status) +
                               " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  int listener_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::deque<int> statuses_;
  std::vector<std::string> requests_;
};

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
        sender, {receiver.url(), "", ""}, events,
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
