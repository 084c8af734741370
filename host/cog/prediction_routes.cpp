// The routes that run predictions. The order of the checks is Cog's: body, id, running already,
// streaming, input, readiness, room.
#include <spdlog/spdlog.h>

#include "host/base/ids.hpp"
#include "host/cog/envelope.hpp"
#include "host/cog/input_files.hpp"
#include "host/cog/input_validation.hpp"
#include "host/cog/json_text.hpp"
#include "host/cog/routes.hpp"
#include "host/cog/weight_references.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

bool responds_async(const Request& request) {
  const std::string* prefer = request.header("prefer");
  return prefer != nullptr && *prefer == "respond-async";
}

bool wants_event_stream(const Request& request) {
  const std::string* accept = request.header("accept");
  if (accept == nullptr) return false;
  std::string_view rest = *accept;
  while (true) {
    const std::size_t comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.substr(0, part.find(';')) == "text/event-stream") return true;
    if (comma == std::string_view::npos) return false;
    rest.remove_prefix(comma + 1);
  }
}

Response with_id(Response response, const std::string& id) {
  if (id.size() <= 200) response.headers.emplace_back("x-prediction-id", id);
  return response;
}

// One body for two generations of clients: `error` and `status` for the present one, `detail` for
// the one before.
Response refused(int status, const char* error, const char* detail) {
  return json_response(status, {{"error", error}, {"status", "failed"}, {"detail", detail}});
}

// The part of a template's schema that holds for the entry.
const json& part_of(const json& schema, Entry entry) {
  return entry == Entry::train ? schema.at("train") : schema;
}

std::string header_or_empty(const Request& request, std::string_view name) {
  const std::string* value = request.header(name);
  return value == nullptr ? "" : *value;
}

}  // namespace

bool CogRoutes::lacks_trainer(const Shared& exchange, const std::string& template_name,
                              Entry entry) const {
  const json* schema = schema_of(template_name);
  if (entry == Entry::predict || schema == nullptr || schema->contains("train")) return false;
  exchange->respond(
      json_response(404, {{"detail", "template '" + template_name + "' has no trainer"}}));
  return true;
}

void CogRoutes::create(const Shared& exchange, Entry entry) {
  const std::string name = template_of(exchange);
  if (name.empty() || lacks_trainer(exchange, name, entry)) return;
  auto parsed = parse_envelope(exchange->request());
  if (auto* refusal = std::get_if<Response>(&parsed)) return exchange->respond(*refusal);
  run(exchange, name, entry, std::get<Envelope>(std::move(parsed)));
}

void CogRoutes::create_with_id(const Shared& exchange, Entry entry) {
  const std::string name = template_of(exchange);
  if (name.empty() || lacks_trainer(exchange, name, entry)) return;
  auto parsed = parse_envelope(exchange->request());
  if (auto* refusal = std::get_if<Response>(&parsed)) return exchange->respond(*refusal);
  auto& envelope = std::get<Envelope>(parsed);
  const std::string id = exchange->request().parameters.at("id");
  if (envelope.id && *envelope.id != id) {
    const std::string what = entry == Entry::train ? "training" : "prediction";
    return exchange->respond(
        json_response(422, validation_body({{{"body", "id"},
                                             what + " ID must match the ID supplied in the URL",
                                             "value_error"}})));
  }
  if (const Snapshot* running = intake_.find(id)) {
    if (!wants_event_stream(exchange->request())) {
      PredictionRenderer renderer;
      return exchange->respond(with_id(json_response(202, renderer.render(*running)), id));
    }
  }
  envelope.id = id;
  run(exchange, name, entry, std::move(envelope));
}

void CogRoutes::cancel(const Shared& exchange) {
  if (template_of(exchange).empty()) return;
  const bool canceled = intake_.cancel(exchange->request().parameters.at("id"));
  exchange->respond(json_response(canceled ? 200 : 404, json::object()));
}

void CogRoutes::run(const Shared& exchange, const std::string& template_name, Entry entry,
                    Envelope envelope) {
  if (wants_event_stream(exchange->request())) {
    if (entry == Entry::train)
      return exchange->respond(json_response(
          406, {{"error", "Training endpoints do not support streaming responses."}}));
    return exchange->respond(json_response(
        406, {{"error",
               "This model does not support streaming responses. Add @cog.streaming to predict() "
               "to enable SSE."}}));
  }
  const auto not_ready = [&] {
    exchange->respond(refused(503, not_ready_text, "Already running a prediction"));
  };
  const json* described = schema_of(template_name);
  if (described == nullptr) return not_ready();
  const json& schema = part_of(*described, entry);

  std::vector<ValidationError> errors;
  std::vector<std::string> stripped;
  json resolved = resolve_input(schema, envelope.input, errors, &stripped);
  if (errors.empty()) check_file_references(schema, resolved, errors);
  if (errors.empty())
    resolve_weight_names(schema, resolved, models_, WeightPaths::in_store, errors);
  if (!errors.empty()) return exchange->respond(json_response(422, validation_body(errors)));
  if (!envelope.id) envelope.id = new_id();
  if (!stripped.empty()) {
    spdlog::warn("prediction {}: unknown inputs ignored: {}", compact(*envelope.id),
                 compact(stripped));
    for (const auto& name : stripped) envelope.input.erase(name);
  }

  switch (intake_.submit(order(exchange, template_name, entry, envelope, resolved), schema)) {
    case Intake::Refusal::none:
      break;
    case Intake::Refusal::not_ready:
      return not_ready();
    case Intake::Refusal::busy:
      return exchange->respond(
          refused(409, "At capacity - all prediction slots busy", "Already running a prediction"));
  }
  const std::string id = *envelope.id;
  if (responds_async(exchange->request())) {
    return exchange->respond(with_id(json_response(202, {{"id", id}, {"status", "starting"}}), id));
  }
  exchange->on_disconnect([this, id] {
    spdlog::info("prediction {}: the client has gone; canceling", compact(id));
    intake_.cancel(id);
  });
}

// The request with its observers: webhooks first, then the sync answer.
PredictionRequest CogRoutes::order(const Shared& exchange, const std::string& template_name,
                                   Entry entry, const Envelope& envelope, const json& resolved) {
  const Request& request = exchange->request();
  PredictionRequest order;
  order.id = *envelope.id;
  order.template_name = template_name;
  order.entry = entry == Entry::train ? "train" : "predict";
  order.input = envelope.input;
  order.resolved_input = resolved;
  const auto renderer = std::make_shared<PredictionRenderer>();
  if (envelope.webhook && !envelope.webhook->empty()) {
    WebhookTarget target{*envelope.webhook, header_or_empty(request, "traceparent"),
                         header_or_empty(request, "tracestate")};
    order.observers.push_back(webhook_observer(
        webhooks_, std::move(target), envelope.webhook_events,
        [renderer](const Snapshot& snapshot) { return compact(renderer->render(snapshot)); }));
  }
  if (responds_async(request)) return order;
  order.observers.push_back(
      [exchange, renderer](const Snapshot& snapshot, const PredictionEvent& event) {
        if (event.kind != PredictionEvent::Kind::completed) return;
        exchange->respond(with_id(json_response(200, renderer->render(snapshot)), snapshot.id));
      });
  return order;
}

}  // namespace dream::host
