#include "host/platform/prediction_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "host/predictions/duration.hpp"
#include "host/base/text.hpp"
#include "host/platform/request_fields.hpp"
#include "host/platform/training_request.hpp"

namespace dream::host {
namespace {

using std::chrono::seconds;

constexpr std::size_t longest_input = 16U << 20;  // with files as data URLs
constexpr std::size_t longest_url = 8192;
constexpr seconds longest_wait{60};
constexpr std::array<const char*, 4> events{"start", "output", "logs", "completed"};

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Refusal(422, field + ": " + why, field);
}

void check_events(const Json& wanted) {
  constexpr char field[] = "webhook_events_filter";
  if (!wanted.is_array()) refuse(field, "a list is needed");
  for (const Json& event : wanted) {
    const bool known = std::any_of(events.begin(), events.end(),
                                   [&](const char* name) { return event == Json(name); });
    if (!known)
      refuse(field, fmt::format("{} is none of start, output, logs and completed",
                                to_text(event).substr(0, 100)));
  }
}

}  // namespace

WebhookWish read_webhook_wish(const Json& body) {
  WebhookWish wish;
  wish.url = text_field(body, "webhook", longest_url);
  const auto filter = body.find("webhook_events_filter");
  if (filter != body.end() && !filter->is_null()) {
    check_events(*filter);
    if (!filter->empty()) wish.events = to_text(*filter);
  }
  if (wish.url) {
    check_url(*wish.url, "webhook");
  } else if ((wish.url = text_field(body, "webhook_completed", longest_url))) {
    check_url(*wish.url, "webhook_completed");
    wish.events = R"(["completed"])";
  }
  return wish;
}

seconds preferred_wait(const Request& request) {
  seconds wait{0};
  const std::string* const prefer = request.header("prefer");
  if (prefer == nullptr) return wait;
  any_part(*prefer, ',', [&](std::string_view part) {
    const std::string wish = lower(trimmed(part, " \t"));
    if (wish == "wait") wait = longest_wait;
    if (!wish.starts_with("wait=")) return false;
    const auto number = parse_number<int>(trimmed(std::string_view(wish).substr(5), " \t\""));
    if (number && *number >= 1) wait = std::min(seconds(*number), longest_wait);
    return false;
  });
  return wait;
}

PredictionOrder read_prediction_order(const Json& body, const Request& request) {
  PredictionOrder order;
  order.version = text_field(body, "version", 256);
  const auto input = body.find("input");
  if (input != body.end() && !input->is_null()) {
    if (!input->is_object()) refuse("input", "an object is needed");
    order.input = *input;
  }
  const std::string text = to_text(order.input);
  if (text.size() > longest_input)
    refuse("input", fmt::format("it has more than {} bytes: give files as URLs", longest_input));
  const WebhookWish webhook = read_webhook_wish(body);
  order.webhook = webhook.url;
  order.webhook_events = webhook.events;
  order.wait = preferred_wait(request);
  if (const std::string* const text_after = request.header("cancel-after")) {
    order.cancel_after = parse_duration(trimmed(*text_after));
    if (!order.cancel_after || order.cancel_after->count() < 1)
      refuse("Cancel-After", fmt::format("'{}' is no time such as 90, 90s, 5m or 1h30m",
                                         valid_utf8(text_after->substr(0, 100))));
  }
  return order;
}

}  // namespace dream::host
