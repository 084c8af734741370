// Where webhooks go, and by which rules.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

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

}  // namespace dream::host
