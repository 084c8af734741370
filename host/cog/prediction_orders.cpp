// An accepted request: its input checked, its observers, and what the client hears of it.
#include "host/base/ids.hpp"
#include "host/base/logging.hpp"
#include "host/cog/coercion.hpp"
#include "host/cog/envelope.hpp"
#include "host/cog/input_files.hpp"
#include "host/cog/input_validation.hpp"
#include "host/cog/json_text.hpp"
#include "host/cog/negotiation.hpp"
#include "host/cog/publishing.hpp"
#include "host/cog/routes.hpp"
#include "host/cog/weight_references.hpp"
#include "host/predictions/duration.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

ValidationError wrong_events() {
  return {{"query", "events"},
          "give progress, preview or both with a comma between them",
          "value_error"};
}

}  // namespace

Response with_prediction_id(Response response, const std::string& id) {
  if (id.size() <= 200) response.headers.emplace_back("x-prediction-id", id);
  return response;
}

void CogRoutes::watch(const Shared& exchange, Feed& feed, const std::string& id,
                      Feed::Past past) const {
  ExtraEvents extras;
  if (!read_extra_events(exchange->request(), extras)) {
    return exchange->respond(json_response(422, validation_body({wrong_events()})));
  }
  if (feed.is_full()) {
    return exchange->respond(error_response(429, "Too many stream subscribers"));
  }
  feed.watch(*exchange, extras, with_prediction_id({}, id).headers, past);
}

std::optional<json> CogRoutes::resolved_input(const Shared& exchange, const json& schema,
                                              Envelope& envelope) const {
  std::vector<ValidationError> errors;
  std::vector<std::string> stripped;
  ExtraEvents extras;
  if (!read_extra_events(exchange->request(), extras)) errors.push_back(wrong_events());
  if (options_.legacy) envelope.input = coerce_input(schema, std::move(envelope.input));
  json resolved = resolve_input(schema, envelope.input, errors, &stripped,
                                options_.legacy ? pydantic_words() : json_schema_words());
  if (errors.empty()) check_file_references(schema, resolved, errors);
  if (errors.empty())
    resolve_weight_names(schema, resolved, models_, WeightPaths::in_store, errors);
  if (!errors.empty()) {
    exchange->respond(json_response(422, validation_body(errors)));
    return std::nullopt;
  }
  if (!envelope.id) envelope.id = new_id();
  if (!stripped.empty()) {
    log_at("warning", "unknown inputs ignored: " + compact(stripped),
           {.prediction = *envelope.id});
    for (const auto& name : stripped) envelope.input.erase(name);
  }
  return resolved;
}

// The request with its observers: webhooks first, then those who watch, then the sync answer.
PredictionRequest CogRoutes::order(const Shared& exchange, const std::string& template_name,
                                   Entry entry, const Envelope& envelope,
                                   const std::shared_ptr<Feed>& feed,
                                   const std::shared_ptr<PredictionRenderer>& renderer) {
  const Request& request = exchange->request();
  PredictionRequest order;
  order.id = *envelope.id;
  order.template_name = template_name;
  order.entry = entry == Entry::train ? "train" : "predict";
  order.input = envelope.input;
  order.context = envelope.context;
  if (const std::string* after = request.header("cancel-after"))
    order.cancel_after = parse_duration(*after);
  order.publish = publisher(uploader_, options_, request, order.id,
                            envelope.output_file_prefix);
  if (envelope.webhook && !envelope.webhook->empty()) {
    const auto line = WebhookSender::open({*envelope.webhook,
                                           header_or_empty(request, "traceparent"),
                                           header_or_empty(request, "tracestate"), order.id});
    const auto render = [renderer](const Snapshot& snapshot) {
      return compact(renderer->render(snapshot));
    };
    order.observers.push_back(webhook_observer(webhooks_, line, envelope.webhook_events, render));
    if (envelope.webhook_events.completed && webhooks_.has_outbox())
      order.taken_in = [this, line, render](const Snapshot& snapshot) {
        webhooks_.expect(*line, render(snapshot));
      };
  }
  const bool streams = wants_event_stream(request);
  if (feed != nullptr) {
    order.observers.push_back(feeds_.forget_at_end(order.id, feed));
    order.observers.push_back(feed->observer());
    ExtraEvents extras;
    order.previews = streams && read_extra_events(request, extras) && extras.preview;
  }
  if (streams || responds_async(request)) return order;
  order.observers.push_back(
      [exchange, renderer, legacy = options_.legacy](const Snapshot& snapshot,
                                                     const PredictionEvent& event) {
        if (event.kind != PredictionEvent::Kind::completed) return;
        if (legacy && snapshot.worker_died)
          return exchange->respond({500, "text/plain; charset=utf-8", "Internal Server Error"});
        exchange->respond(
            with_prediction_id(json_response(200, renderer->render(snapshot)), snapshot.id));
      });
  return order;
}

// What the client hears at once, and what its going away means.
void CogRoutes::answer_accepted(const Shared& exchange, const std::string& id,
                                const std::shared_ptr<Feed>& feed, PredictionRenderer& renderer) {
  const auto cancel = [this, id](const char* who) {
    log_at("info", std::string(who) + " has gone; canceling", {.prediction = id});
    intake_.cancel(id);
  };
  if (wants_event_stream(exchange->request())) {
    feed->on_abandoned([cancel] { cancel("everyone who watched"); });
    return watch(exchange, *feed, id, Feed::Past::all);
  }
  if (!responds_async(exchange->request())) {
    return exchange->on_disconnect([cancel] { cancel("the client"); });
  }
  const Snapshot* const accepted = options_.legacy ? intake_.find(id) : nullptr;
  json body = {{"id", id}, {"status", "starting"}};
  if (accepted != nullptr) {
    body = renderer.render(*accepted);
    body["status"] = "processing";
  }
  exchange->respond(with_prediction_id(json_response(202, body), id));
}

}  // namespace dream::host
