#include "host/platform/stored_prediction_view.hpp"

#include <algorithm>

#include "host/platform/platform_core.hpp"

namespace dream::host {
namespace {

Json parsed_or_null(const std::optional<std::string>& text) {
  return text ? Json::parse(*text, nullptr, false) : Json();
}

Json time_or_null(const std::optional<Micros>& time) {
  return time ? Json(wire_time(*time)) : Json();
}

// Files of outputs at the address by which this client reaches us.
Json with_base(const PlatformCore& core, Json output, const std::string& base) {
  if (output.is_string()) return core.rebased(output.get<std::string>(), base);
  if (output.is_structured()) {
    for (Json& each : output) each = with_base(core, std::move(each), base);
  }
  return output;
}

Json metrics_of(const StoredPrediction& prediction) {
  Json metrics = parsed_or_null(prediction.metrics);
  if (!metrics.is_object()) metrics = Json::object();
  if (!prediction.completed_at) return metrics;
  if (prediction.started_at && !metrics.contains("predict_time"))
    metrics["predict_time"] =
        static_cast<double>(*prediction.completed_at - *prediction.started_at) / 1e6;
  metrics["total_time"] =
      static_cast<double>(*prediction.completed_at - prediction.created_at) / 1e6;
  return metrics;
}

bool wants(const StoredPrediction& prediction, const std::string& event) {
  if (!prediction.webhook) return false;
  if (!prediction.webhook_events) return event == "output" || event == "completed";
  const Json events = Json::parse(*prediction.webhook_events);
  return std::find(events.begin(), events.end(), Json(event)) != events.end();
}

}  // namespace

Json output_items(const Json& output) {
  if (output.is_array()) return output;
  return output.is_null() ? Json::array() : Json::array({output});
}

Json stored_prediction_view(const PlatformCore& core, const StoredPrediction& prediction,
                            const std::string& base) {
  const std::string url = base + "/v1/predictions/" + prediction.id;
  Json view = {
      {"id", prediction.id},
      {"model", prediction.model_owner + "/" + prediction.model_name},
      {"version", prediction.version},
      {"input", Json::parse(prediction.input)},
      {"output", with_base(core, parsed_or_null(prediction.output), base)},
      {"logs", prediction.logs},
      {"error", prediction.error ? Json(*prediction.error) : Json()},
      {"status", prediction.status},
      {"created_at", wire_time(prediction.created_at)},
      {"started_at", time_or_null(prediction.started_at)},
      {"completed_at", time_or_null(prediction.completed_at)},
      {"data_removed", false},
      {"source", "api"},
      {"metrics", metrics_of(prediction)},
      {"urls",
       {{"get", url},
        {"cancel", url + "/cancel"},
        {"web", base + "/p/" + prediction.id},
        {"stream", base + "/streams/" +
                       core.capabilities.make("prediction-stream", prediction.id)}}}};
  if (prediction.kind.deployment) view["deployment"] = *prediction.kind.deployment;
  if (prediction.deadline) view["deadline"] = wire_time(*prediction.deadline);
  return view;
}

std::optional<NewDelivery> prediction_delivery(const PlatformCore& core,
                                               const StoredPrediction& prediction,
                                               const std::string& event, const std::string& base) {
  if (!wants(prediction, event)) return std::nullopt;
  NewDelivery delivery{prediction.id, *prediction.webhook,
                       to_text(stored_prediction_view(core, prediction, base)),
                       prediction.account};
  delivery.event = event;
  if (event != "completed") delivery.tries = 1;  // the next one tells all of it again
  return delivery;
}

}  // namespace dream::host
