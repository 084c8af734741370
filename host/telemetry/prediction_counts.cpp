#include "host/telemetry/prediction_counts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "host/base/text.hpp"
#include "host/base/time.hpp"

namespace dream::host {
namespace {

using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

const Buckets seconds_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                              2.5,   5,      10,    30,   60,    120,  300, 600,  1800};
const Buckets rate_buckets{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250};
const Buckets place_buckets{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

constexpr std::array ends{Status::succeeded, Status::failed, Status::canceled};

// What the engine reports of its stages, in seconds, by the name of the metric.
constexpr std::array<std::pair<const char*, const char*>, 2> reported_stages{
    {{"model_time_s", "model"}, {"control_time_s", "control"}}};

// A metric that a template recorded, if it is a number that can be one.
std::optional<double> number(const Snapshot& snapshot, const char* name) {
  const auto found = snapshot.metrics.find(name);
  if (found == snapshot.metrics.end() || !found->is_number()) return std::nullopt;
  const auto value = found->get<double>();
  return std::isfinite(value) && value >= 0 ? std::optional(value) : std::nullopt;
}

const char* reason_of(PredictionService::Refusal refusal) {
  switch (refusal) {
    case PredictionService::Refusal::busy:
      return "busy";
    case PredictionService::Refusal::draining:
      return "draining";
    default:
      return "not_ready";
  }
}

auto& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

auto& histograms(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

PredictionCounts::PredictionCounts(prometheus::Registry& registry,
                                   const std::vector<std::string>& templates)
    : ends_(counters(registry, "dream_predictions_total", "Predictions that came to their end.")),
      refusals_(counters(registry, "dream_predictions_refused_total",
                         "Predictions that were not accepted: 409 for busy, else 503.")),
      pictures_(counters(registry, "dream_images_total", "Pictures that templates report.")),
      steps_(counters(registry, "dream_steps_total", "Denoising steps that templates report.")),
      stages_(histograms(registry, "dream_prediction_stage_seconds",
                         "Time of a prediction by stage: its inputs are fetched, it waits for a "
                         "slot, it runs, its files are uploaded; total is from its creation.")),
      model_stages_(histograms(registry, "dream_model_stage_seconds",
                               "Time inside a run as the engine reports it.")),
      rates_(histograms(registry, "dream_steps_per_second", "Speed of runs (it/s).")),
      places_(histograms(registry, "dream_queue_position",
                         "How many waited before a prediction when it was accepted.")
                  .Add({}, place_buckets)) {
  for (const auto& name : templates) series_of(name, "predict");
  for (const auto reason : {PredictionService::Refusal::busy, PredictionService::Refusal::not_ready,
                            PredictionService::Refusal::draining})
    refusals_.Add({{"reason", reason_of(reason)}});
}

PredictionCounts::Series& PredictionCounts::series_of(const std::string& template_name,
                                                      const std::string& entry) {
  const auto [place, is_new] = series_.try_emplace({template_name, entry});
  if (!is_new) return place->second;
  for (const Status status : ends)
    place->second.ends[status] = &ends_.Add({{"template", valid_utf8(template_name)},
                                             {"entry", entry},
                                             {"status", std::string(to_string(status))}});
  return place->second;
}

Prediction::Observer PredictionCounts::accepted(std::size_t waiting) {
  places_.Observe(static_cast<double>(waiting));
  return [this](const Snapshot& snapshot, const PredictionEvent& event) {
    if (event.kind == PredictionEvent::Kind::completed) ended(snapshot);
  };
}

void PredictionCounts::refused(PredictionService::Refusal refusal) {
  refusals_.Add({{"reason", reason_of(refusal)}}).Increment();
}

void PredictionCounts::ended(const Snapshot& snapshot) {
  Series& series = series_of(snapshot.template_name, snapshot.entry);
  series.ends.at(snapshot.status)->Increment();
  const StageTimes& times = snapshot.stages;
  const auto end = snapshot.completed_at.value_or(snapshot.created_at);
  if (times.download_s) stage(series, snapshot, "inputs", *times.download_s);
  if (snapshot.started_at) {
    const double upload_s = times.upload_s.value_or(0);
    stage(series, snapshot, "queue", times.queue_s.value_or(0));
    stage(series, snapshot, "run",
          std::max(0.0, seconds_between(*snapshot.started_at, end) - upload_s));
  }
  if (times.upload_s) stage(series, snapshot, "upload", *times.upload_s);
  stage(series, snapshot, "total", seconds_between(snapshot.created_at, end));
  take_metrics(series, snapshot);
}

void PredictionCounts::stage(Series& series, const Snapshot& snapshot, const char* name,
                             double seconds) {
  Histogram*& histogram = series.stages[name];
  if (histogram == nullptr)
    histogram = &stages_.Add({{"template", valid_utf8(snapshot.template_name)},
                              {"entry", snapshot.entry},
                              {"stage", name}},
                             seconds_buckets);
  histogram->Observe(seconds);
}

void PredictionCounts::take_metrics(Series& series, const Snapshot& snapshot) {
  const prometheus::Labels labels{{"template", valid_utf8(snapshot.template_name)}};
  for (const auto& [metric, name] : reported_stages) {
    const auto seconds = number(snapshot, metric);
    if (!seconds) continue;
    Histogram*& histogram = series.model_stages[name];
    if (histogram == nullptr)
      histogram = &model_stages_.Add({{"template", labels.at("template")}, {"stage", name}},
                                     seconds_buckets);
    histogram->Observe(*seconds);
  }
  if (const auto rate = number(snapshot, "it_per_s")) {
    if (series.rate == nullptr) series.rate = &rates_.Add(labels, rate_buckets);
    series.rate->Observe(*rate);
  }
  const auto add = [&](const char* metric, auto& family, prometheus::Counter*& counter) {
    const auto value = number(snapshot, metric);
    if (!value) return;
    if (counter == nullptr) counter = &family.Add(labels);
    counter->Increment(*value);
  };
  add("image_count", pictures_, series.pictures);
  add("steps", steps_, series.steps);
}

}  // namespace dream::host
