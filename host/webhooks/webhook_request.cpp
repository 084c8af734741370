#include "host/webhooks/webhook_request.hpp"

#include <cstdlib>

namespace dream::host {
namespace {

using std::chrono::seconds;

constexpr char user_agent[] = "dream/" DREAM_VERSION;

// The receiver may take it later: it, or what stands before it, is busy or broken.
bool worth_a_retry(long status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501);
}

}  // namespace

WebhookPolicy WebhookPolicy::from_environment() {
  WebhookPolicy policy;
  if (const char* token = std::getenv("WEBHOOK_AUTH_TOKEN")) policy.bearer_token = token;
  return policy;
}

WebhookRequest webhook_request(const WebhookTarget& target, const WebhookPolicy& policy,
                               const std::string& id, std::string_view body) {
  const auto now =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch());
  WebhookRequest request;
  CurlHeaders& headers = request.headers;
  add_header(headers, "Content-Type: application/json");
  add_header(headers, "Expect:");
  add_header(headers, "webhook-id: " + id);
  add_header(headers, "webhook-timestamp: " + std::to_string(now.count()));
  if (!policy.keys.empty())
    add_header(headers, "webhook-signature: " + policy.keys.sign(id, now, body));
  if (!policy.bearer_token.empty())
    add_header_if_sound(headers, "Authorization", "Bearer " + policy.bearer_token);
  add_header_if_sound(headers, "traceparent", target.traceparent);
  add_header_if_sound(headers, "tracestate", target.tracestate);
  request.handle = new_curl(target.url, user_agent);
  CURL* const curl = request.handle.get();
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(policy.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard_body);
  return request;
}

void WebhookRequest::send_body(const std::string& body) {
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
}

WebhookOutcome webhook_outcome(CURL* curl, CURLcode result) {
  if (result != CURLE_OK)
    return {.transient = result != CURLE_UNSUPPORTED_PROTOCOL && result != CURLE_URL_MALFORMAT,
            .answered = false,
            .text = curl_easy_strerror(result)};
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  return {.sent = status >= 200 && status < 300,
          .transient = worth_a_retry(status),
          .text = "status " + std::to_string(status),
          .retry_after = seconds(retry_after)};
}

}  // namespace dream::host
