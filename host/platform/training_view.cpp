#include "host/platform/training_view.hpp"

#include <algorithm>

#include "host/base/time.hpp"

namespace dream::host {
namespace {

Json time_or_null(const std::optional<Micros>& time) {
  return time ? Json(wire_time(*time)) : Json();
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

double seconds(Micros from, Micros to) {
  return static_cast<double>(std::max<Micros>(0, to - from)) / 1e6;
}

// How long each step took, and how long nothing was done. A training that is still running has the
// times so far.
Json metrics_of(const TrainingParts& parts) {
  const Training& training = parts.training;
  Json metrics = Json::object();
  for (const Step& step : parts.steps) {
    if (!step.started_at || !step.completed_at) continue;
    const double time = seconds(*step.started_at, *step.completed_at);
    if (step.name == step_name::train) metrics["predict_time"] = time;
    metrics[step.name + "_time"] = time;
  }
  if (training.started_at)
    metrics["queue_time"] = seconds(training.created_at, *training.started_at);
  if (training.completed_at)
    metrics["total_time"] = seconds(training.created_at, *training.completed_at);
  return metrics;
}

Json steps_of(const TrainingParts& parts) {
  Json steps = Json::array();
  for (const Step& step : parts.steps) {
    Json view = {{"name", step.name},
                 {"status", step.status},
                 {"attempt", step.attempt},
                 {"started_at", time_or_null(step.started_at)},
                 {"completed_at", time_or_null(step.completed_at)},
                 {"error", or_null(step.error)}};
    if (step.progress) view["progress"] = Json::parse(*step.progress, nullptr, false);
    steps.push_back(std::move(view));
  }
  if (parts.training.webhook) {
    Json view = {{"name", "webhook"}, {"status", step_status::waiting}, {"attempt", 0}};
    const auto end = std::find_if(parts.deliveries.rbegin(), parts.deliveries.rend(),
                                  [](const Delivery& each) { return each.event == "completed"; });
    if (end != parts.deliveries.rend()) {
      const Delivery& last = *end;
      view["status"] = last.status == "delivered" ? step_status::succeeded
                       : last.status == "failed"  ? step_status::failed
                                                  : step_status::running;
      view["attempt"] = last.attempt;
      view["started_at"] = wire_time(last.created_at);
      view["completed_at"] = time_or_null(last.completed_at);
      view["response_status"] = or_null(last.last_status);
      view["error"] = or_null(last.last_error);
    }
    steps.push_back(std::move(view));
  }
  return steps;
}

Json output_of(const TrainingParts& parts) {
  const Training& training = parts.training;
  if (!training.version) return nullptr;
  return {{"version", training.model_owner + "/" + training.model_name + ":" + *training.version},
          {"weights", parts.weights_url}};
}

Json dreambooth_view(const TrainingParts& parts, const std::string& base) {
  const Training& training = parts.training;
  const std::string url = base + "/v1/trainings/" + training.id;
  Json view = {{"id", training.id},
               {"created_at", wire_time(training.created_at)},
               {"started_at", time_or_null(training.started_at)},
               {"completed_at", time_or_null(training.completed_at)},
               {"input", Json::parse(training.input)},
               {"logs", parts.logs},
               {"error", or_null(training.error)},
               {"failed_step", or_null(training.failed_step)},
               {"metrics", metrics_of(parts)},
               {"model", training.model_owner + "/" + training.model_name},
               {"notes", or_null(training.notes)},
               {"status", training.status},
               {"trainer_version", or_null(training.trainer_version)},
               {"template_version", or_null(training.template_version)},
               {"webhook_completed", or_null(training.webhook)},
               {"steps", steps_of(parts)},
               {"urls",
                {{"get", url},
                 {"cancel", url + "/cancel"},
                 {"retry", url + "/retry"},
                 {"stream", parts.stream_url}}}};
  if (training.weights_url) view["weights"] = *training.weights_url;
  if (training.version) {  // absent until there is one: clients take it as it comes
    view["version"] = *training.version;
    view["output"] = output_of(parts);
  }
  return view;
}

// Clients of the official API know five statuses.
std::string official_status(const std::string& status) {
  if (status == training_status::queued) return training_status::starting;
  if (status == training_status::pushing) return training_status::processing;
  return status;
}

Json official_view(const TrainingParts& parts, const std::string& base) {
  const Training& training = parts.training;
  const std::string url = base + "/v1/trainings/" + training.id;
  return {{"id", training.id},
          {"model", training.model_owner + "/" + training.model_name},
          {"destination", training.model_owner + "/" + training.model_name},
          {"version", training.trainer_version.value_or(training.trainer)},
          {"input", Json::parse(training.input)},
          {"output", output_of(parts)},
          {"logs", parts.logs},
          {"error", or_null(training.error)},
          {"status", official_status(training.status)},
          {"created_at", wire_time(training.created_at)},
          {"started_at", time_or_null(training.started_at)},
          {"completed_at", time_or_null(training.completed_at)},
          {"source", "api"},
          {"data_removed", false},
          {"metrics", metrics_of(parts)},
          {"urls",
           {{"get", url},
            {"cancel", url + "/cancel"},
            {"web", base + "/t/" + training.id},
            {"stream", parts.stream_url}}}};
}

}  // namespace

std::string wire_time(Micros time) {
  std::string text = rfc3339(from_micros(time));
  return text.substr(0, text.size() - std::string("+00:00").size()) + "Z";
}

Json prediction_view(const TrainingParts& parts, const std::string& base) {
  const Training& training = parts.training;
  const std::string url = base + "/v1/predictions/" + training.id;
  const bool trained = !parts.weights_url.empty();
  const bool ended = is_terminal(training.status);
  return {{"id", training.id},
          {"version", training.trainer_version.value_or(training.trainer)},
          {"input", Json::parse(training.input)},
          {"output", trained ? Json(parts.weights_url) : Json()},
          {"logs", parts.logs},
          {"error", trained ? Json() : or_null(training.error)},
          {"status", trained ? training_status::succeeded : official_status(training.status)},
          {"created_at", wire_time(training.created_at)},
          {"started_at", time_or_null(training.started_at)},
          {"completed_at", ended ? time_or_null(training.completed_at) : Json()},
          {"data_removed", false},
          {"source", "api"},
          {"metrics", metrics_of(parts)},
          {"urls", {{"get", url}, {"cancel", base + "/v1/trainings/" + training.id + "/cancel"}}}};
}

Json training_list_view(const TrainingParts& parts, const std::string& base) {
  Json view = official_view(parts, base);
  view["logs"] = nullptr;  // of each alone
  view["steps"] = steps_of(parts);
  view["failed_step"] = or_null(parts.training.failed_step);
  view["notes"] = or_null(parts.training.notes);
  return view;
}

Json training_view(const TrainingParts& parts, const std::string& base) {
  return parts.training.origin == "replicate" ? official_view(parts, base)
                                              : dreambooth_view(parts, base);
}

}  // namespace dream::host
