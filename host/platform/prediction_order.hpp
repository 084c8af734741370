// A request for a prediction, as the clients of the Replicate API send it: body and headers, read
// and checked before anything is kept.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "host/platform/problem.hpp"

namespace dream::host {

struct PredictionOrder {
  std::optional<std::string> version;  // as given; the path may say it instead
  Json input = Json::object();
  std::optional<std::string> webhook;
  std::optional<std::string> webhook_events;  // JSON array
  std::chrono::seconds wait{0};               // `Prefer: wait`
  std::optional<std::chrono::seconds> cancel_after;
};

// Throws Refusal (422) that names the field or header, its value and what is allowed.
PredictionOrder read_prediction_order(const Json& body, const Request& request);

// The webhook and its events in a body that has "webhook", "webhook_events_filter" and
// "webhook_completed"; null and "" count as absent. Throws Refusal (422).
struct WebhookWish {
  std::optional<std::string> url;
  std::optional<std::string> events;  // JSON array; nothing: the API's default
};
WebhookWish read_webhook_wish(const Json& body);

// `Prefer: wait` is 60 s, `wait=N` is 1 to 60; anything else 0.
std::chrono::seconds preferred_wait(const Request& request);

}  // namespace dream::host
