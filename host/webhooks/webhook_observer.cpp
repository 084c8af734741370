#include "host/webhooks/webhook_observer.hpp"

#include <cstdlib>

namespace dream::host {
namespace {

struct Throttled {
  WebhookSender& sender;
  std::shared_ptr<WebhookSender::Line> line;
  WebhookEvents events;
  std::function<std::string(const Snapshot&)> render;
  std::chrono::milliseconds interval;
  std::optional<std::chrono::steady_clock::time_point> last_sent;

  bool wants(PredictionEvent::Kind kind) const {
    using Kind = PredictionEvent::Kind;
    if (kind == Kind::completed) return events.completed;
    if (kind == Kind::output) return events.output;
    const bool asked = kind == Kind::start                           ? events.start
                       : kind == Kind::log || kind == Kind::progress ? events.logs
                                                                     : false;
    return asked && (!last_sent || std::chrono::steady_clock::now() - *last_sent >= interval);
  }

  void on(const Snapshot& snapshot, const PredictionEvent& event) {
    if (!wants(event.kind)) return;
    sender.send(line, render(snapshot), event.kind == PredictionEvent::Kind::completed);
    last_sent = std::chrono::steady_clock::now();
  }
};

}  // namespace

bool WebhookEvents::add(std::string_view name) {
  bool* const flag = name == "start"       ? &start
                     : name == "output"    ? &output
                     : name == "logs"      ? &logs
                     : name == "completed" ? &completed
                                           : nullptr;
  if (flag != nullptr) *flag = true;
  return flag != nullptr;
}

std::chrono::milliseconds webhook_interval() {
  constexpr double fallback_s = 0.5;
  const char* text = std::getenv("COG_THROTTLE_RESPONSE_INTERVAL");
  char* end = nullptr;
  double seconds = text != nullptr ? std::strtod(text, &end) : fallback_s;
  const bool usable = text == nullptr || (end != text && *end == '\0');
  if (!usable || !(seconds >= 0) || seconds > 3600) seconds = fallback_s;
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Prediction::Observer webhook_observer(WebhookSender& sender,
                                      std::shared_ptr<WebhookSender::Line> line,
                                      WebhookEvents events,
                                      std::function<std::string(const Snapshot&)> render,
                                      std::chrono::milliseconds interval) {
  auto state = std::make_shared<Throttled>(
      Throttled{sender, std::move(line), events, std::move(render), interval, std::nullopt});
  return [state](const Snapshot& snapshot, const PredictionEvent& event) {
    state->on(snapshot, event);
  };
}

}  // namespace dream::host
