// One webhook on the wire: its headers, and what the receiver's answer means.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

#include "host/webhooks/curl.hpp"
#include "host/webhooks/webhook_policy.hpp"

namespace dream::host {

struct WebhookRequest {
  CurlHandle handle = nullptr;
  CurlHeaders headers = nullptr;

  // libcurl reads `body` in place: it must stay where it is.
  void send_body(const std::string& body);
};

// A POST with everything but its body, signed for `body` and the present time. Throws
// std::runtime_error if it cannot be made.
WebhookRequest webhook_request(const WebhookTarget& target, const WebhookPolicy& policy,
                               const std::string& id, std::string_view body);

// What became of an attempt.
struct WebhookOutcome {
  bool sent = false;
  bool transient = false;  // another attempt may succeed
  bool answered = true;
  std::string text = {};
  std::chrono::seconds retry_after{0};  // as the receiver asked; 0: it did not
};

WebhookOutcome webhook_outcome(CURL* curl, CURLcode result);

}  // namespace dream::host
