// Delivers webhooks from a thread of its own, so that a slow receiver holds neither a slot nor an
// answer. Deliveries of one prediction keep their order; predictions do not wait for each other.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/storage/outbox.hpp"
#include "host/webhooks/signature.hpp"

namespace dream::host {

struct WebhookTarget {
  std::string url;
  std::string traceparent = {};  // headers of the request that started the prediction
  std::string tracestate = {};
  std::string prediction_id = {};
};

struct WebhookPolicy {
  std::chrono::milliseconds timeout{30000};  // of one attempt
  int max_retries = 12;                      // of a terminal delivery
  std::chrono::milliseconds backoff{100};    // × 2, 4, 8 … 1024 between them
  std::size_t max_queued_bytes = 64U << 20;  // per line; older non-terminal ones then go
  std::size_t max_in_flight = 128;           // attempts at a time
  // A terminal delivery that is in the outbox is retried so long after the prediction's end, with
  // pauses that grow to × 8192, and at least once by every process.
  std::chrono::hours kept_for{24};
  std::string bearer_token;  // empty: no Authorization header
  SigningKeys keys;          // none: no webhook-signature header

  // Token from WEBHOOK_AUTH_TOKEN.
  static WebhookPolicy from_environment();
};

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

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dream::host
