// Delivers webhooks from a thread of its own, so that a slow receiver holds neither a slot nor an
// answer. Deliveries of one prediction keep their order; predictions do not wait for each other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/storage/outbox.hpp"
#include "host/webhooks/webhook_policy.hpp"

namespace dream::host {

class WebhookSender {
 public:
  // With an outbox, which outlives the sender, terminal deliveries survive this process.
  explicit WebhookSender(WebhookPolicy policy = WebhookPolicy::from_environment(),
                         Outbox* outbox = nullptr);
  ~WebhookSender();  // drops what is still waiting; the outbox keeps what it has

  // A line of deliveries to one receiver, which go out in order; the last one is terminal.
  struct Line;
  static std::shared_ptr<Line> open(WebhookTarget target);
  // Has the outbox keep `body` as the terminal delivery, for the case that this process ends before
  // the line is sent another. Nothing without an outbox.
  void expect(const Line& line, std::string_view body);
  bool has_outbox() const;
  // Appends a delivery, with a webhook-id of its own. A terminal one is in the outbox when this
  // returns, and is retried on network errors, 408, 425, 429 and 5xx but 501; any other is tried
  // once.
  void send(const std::shared_ptr<Line>& line, std::string body, bool terminal);
  // Sends what earlier processes left in the outbox; `finish` as in Outbox::recover. Result: how
  // many deliveries.
  std::size_t resume(const std::function<std::string(const std::string&)>& finish);

  // Waits until every terminal delivery is through, or has failed and can wait in the outbox, or
  // `limit` has passed; false if some are left. Blocks.
  bool drain(std::chrono::milliseconds limit);

  // What became of the deliveries so far.
  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;   // given up
    std::uint64_t retried = 0;  // attempts, beyond the first
    std::size_t pending = 0;    // terminal ones that are not through
  };
  Counts counts() const;

 private:
  struct Attempt;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dream::host
