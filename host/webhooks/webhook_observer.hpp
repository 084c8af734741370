// Turns the events of one prediction into webhook deliveries: the client's filter, the throttle,
// and the rule that the last event always goes out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "host/predictions/prediction.hpp"
#include "host/webhooks/webhook_sender.hpp"

namespace dream::host {

// Which events a client asked for.
struct WebhookEvents {
  bool start = false;
  bool output = false;
  bool logs = false;
  bool completed = false;

  static WebhookEvents all() { return {true, true, true, true}; }
  // False for a name that is none of the four.
  bool add(std::string_view name);
};

// Time that must lie between two deliveries before `start` and `logs` are sent again; suppressed
// ones are dropped, later ones carry their content. COG_THROTTLE_RESPONSE_INTERVAL (seconds), 0.5
// by default.
std::chrono::milliseconds webhook_interval();

// The observer that sends on `line`. `render` makes the body from a snapshot.
Prediction::Observer webhook_observer(WebhookSender& sender,
                                      std::shared_ptr<WebhookSender::Line> line,
                                      WebhookEvents events,
                                      std::function<std::string(const Snapshot&)> render,
                                      std::chrono::milliseconds interval = webhook_interval());

}  // namespace dream::host
