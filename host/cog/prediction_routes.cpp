// The routes that run predictions. The order of the checks is Cog's: body, id, running already,
// streaming, input, readiness, room.
#include "host/cog/envelope.hpp"
#include "host/cog/input_validation.hpp"
#include "host/cog/negotiation.hpp"
#include "host/cog/openapi.hpp"
#include "host/cog/routes.hpp"
#include "host/predictions/duration.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

constexpr char no_training_streams[] = "Training endpoints do not support streaming responses.";
constexpr char no_streams[] =
    "This model does not support streaming responses. Add @cog.streaming to predict() to enable "
    "SSE.";
constexpr char draining[] = "The server is shutting down: it accepts no new predictions.";
constexpr char already_running[] = "Already running a prediction";

// One body for two generations of clients: `error` and `status` for the present one, `detail` for
// the one before.
Response refused(int status, const char* error, const char* detail = already_running) {
  return json_response(status, {{"error", error}, {"status", "failed"}, {"detail", detail}});
}

// The part of a template's schema that holds for the entry.
const json& part_of(const json& schema, Entry entry) {
  return entry == Entry::train ? schema.at("train") : schema;
}

bool can_stream(const json* schema, Entry entry) {
  return schema != nullptr && entry == Entry::predict && is_streamed(*schema);
}

Response other_id(Entry route) {
  const std::string what = route == Entry::train ? "training" : "prediction";
  return json_response(
      422, validation_body({{{"body", "id"},
                             what + " ID must match the ID supplied in the URL",
                             "value_error"}}));
}

// Refuses a Cancel-After that cannot be read; the earliest moment to say so.
std::optional<Response> bad_cancel_after(const Request& request) {
  const std::string* text = request.header("cancel-after");
  if (text == nullptr || parse_duration(*text)) return std::nullopt;
  const std::string error = "the header Cancel-After: '" + text->substr(0, 100) +
                            "' is not a duration such as 90, 90s, 5m or 1h30m";
  return json_response(400, {{"error", error}, {"status", "failed"}, {"detail", error}});
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

std::optional<Envelope> CogRoutes::envelope_of(const Shared& exchange, Entry route) const {
  const Request& request = exchange->request();
  auto parsed = options_.legacy ? parse_legacy_envelope(request) : parse_envelope(request);
  if (auto* refusal = std::get_if<Response>(&parsed)) {
    exchange->respond(*refusal);
    return std::nullopt;
  }
  if (route == Entry::train && wants_event_stream(request)) {
    exchange->respond(error_response(406, no_training_streams));
    return std::nullopt;
  }
  return std::get<Envelope>(std::move(parsed));
}

void CogRoutes::create(const Shared& exchange, Entry route) {
  const Entry entry = entry_of(route);
  const std::string name = template_of(exchange);
  if (name.empty() || lacks_trainer(exchange, name, entry)) return;
  if (auto envelope = envelope_of(exchange, route)) {
    run(exchange, name, entry, std::move(*envelope));
  }
}

void CogRoutes::create_with_id(const Shared& exchange, Entry route) {
  const Entry entry = entry_of(route);
  const std::string name = template_of(exchange);
  if (name.empty() || lacks_trainer(exchange, name, entry)) return;
  auto envelope = envelope_of(exchange, route);
  if (!envelope) return;
  const std::string id = exchange->request().parameters.at("id");
  if (envelope->id && *envelope->id != id) return exchange->respond(other_id(route));
  if (const Snapshot* running = intake_.find(id)) {
    return show_running(exchange, name, entry, *running);
  }
  envelope->id = id;
  run(exchange, name, entry, std::move(*envelope));
}

void CogRoutes::show_running(const Shared& exchange, const std::string& template_name, Entry entry,
                             const Snapshot& running) {
  if (!wants_event_stream(exchange->request())) {
    PredictionRenderer renderer;
    const Response state = json_response(202, renderer.render(running));
    return exchange->respond(with_prediction_id(state, running.id));
  }
  if (!can_stream(schema_of(template_name), entry)) {
    return exchange->respond(error_response(406, no_streams));
  }
  const auto feed = feeds_.find(running.id);
  if (feed == nullptr) return exchange->respond(error_response(404, "Prediction not found"));
  watch(exchange, *feed, running.id, Feed::Past::history);
}

void CogRoutes::cancel(const Shared& exchange) {
  if (template_of(exchange).empty()) return;
  const bool canceled = intake_.cancel(exchange->request().parameters.at("id"));
  exchange->respond(json_response(canceled ? 200 : 404, json::object()));
}

void CogRoutes::run(const Shared& exchange, const std::string& template_name, Entry entry,
                    Envelope envelope) {
  const json* described = schema_of(template_name);
  const bool has_feed = can_stream(described, entry);
  if (wants_event_stream(exchange->request()) && !has_feed) {
    return exchange->respond(error_response(406, no_streams));
  }
  if (const auto refusal = bad_cancel_after(exchange->request()))
    return exchange->respond(*refusal);
  const auto not_ready = [&] {
    exchange->respond(options_.legacy ? json_response(409, {{"detail", already_running}})
                                      : refused(503, not_ready_text));
  };
  if (described == nullptr) {
    intake_.note_refusal(Intake::Refusal::not_ready);
    return not_ready();
  }
  const json& schema = part_of(*described, entry);
  auto resolved = resolved_input(exchange, schema, envelope);
  if (!resolved) return;

  const std::string id = *envelope.id;
  const auto renderer = std::make_shared<PredictionRenderer>();
  std::shared_ptr<Feed> feed;
  if (has_feed) {
    feed = std::make_shared<Feed>(
        feeds_.limits(),
        Feed::Rendering{[renderer](const Snapshot& now) { return renderer->render(now); },
                        [renderer](const Snapshot& now) { return renderer->newest_output(now); }});
  }
  PredictionRequest request = order(exchange, template_name, entry, envelope, feed, renderer);
  request.resolved_input = std::move(*resolved);
  switch (intake_.submit(std::move(request), schema)) {
    case Intake::Refusal::none:
      break;
    case Intake::Refusal::not_ready:
      return not_ready();
    case Intake::Refusal::busy:
      return exchange->respond(refused(409, "At capacity - all prediction slots busy"));
    case Intake::Refusal::draining:
      return exchange->respond(refused(503, draining, draining));
  }
  if (feed != nullptr) feeds_.add(id, feed);
  answer_accepted(exchange, id, feed, *renderer);
}

}  // namespace dream::host
