// Delivers webhooks from a thread of its own, so that a slow receiver holds neither a slot nor an
// answer. Deliveries of one prediction keep their order; predictions do not wait for each other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dream::host {

struct WebhookTarget {
  std::string url;
  std::string traceparent;  // headers of the request that started the prediction; may be empty
  std::string tracestate;
};

struct WebhookPolicy {
  std::chrono::milliseconds timeout{30000};  // of one attempt
  int max_retries = 12;                      // of a terminal delivery
  std::chrono::milliseconds backoff{100};    // × 2, 4, 8 … 1024 between them
  std::size_t max_queued_bytes = 64U << 20;  // per line; older non-terminal ones then go
  std::string bearer_token;                  // empty: no Authorization header

  // Token from WEBHOOK_AUTH_TOKEN.
  static WebhookPolicy from_environment();
};

class WebhookSender {
 public:
  explicit WebhookSender(WebhookPolicy policy = WebhookPolicy::from_environment());
  ~WebhookSender();  // drops what is still waiting

  // A line of deliveries to one receiver, which go out in order.
  struct Line;
  static std::shared_ptr<Line> open(WebhookTarget target);
  // Appends a delivery. A terminal one is retried on network errors and 429, 500, 502, 503, 504;
  // any other is tried once.
  void send(const std::shared_ptr<Line>& line, std::string body, bool terminal);

  // Waits until every terminal delivery is through or `limit` has passed; false if some are left.
  // Blocks.
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
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dream::host
