#include "host/telemetry/platform_metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>

#include "host/telemetry/families.hpp"
#include "host/telemetry/sources.hpp"

namespace dream::host {
namespace {

void add_counts(Families& families, const std::vector<Totals::Count>& counts) {
  for (const auto& each : counts) {
    Families::Labels labels{{"status", each.status}};
    if (!each.name.empty()) labels.insert(labels.begin(), {"step", each.name});
    families.sample(labels, static_cast<double>(each.count));
  }
}

void add_removed(Families& families, const Removed& removed) {
  families.counter("dream_platform_removed_total",
                   "What this process has removed: its time was over, or nothing referred to it.");
  const auto one = [&](const char* kind, std::int64_t count) {
    families.sample({{"kind", kind}}, static_cast<double>(count));
  };
  one("training", removed.trainings);
  one("prediction", removed.predictions);
  one("file", removed.files);
  one("webhook", removed.webhooks);
  one("idempotency_key", removed.replies);
  one("blob", removed.blobs);
  families.counter("dream_platform_removed_blob_bytes_total", "Size of the blobs among it.");
  families.sample({}, static_cast<double>(removed.blob_bytes));
}

}  // namespace

std::string platform_metrics(const Totals& totals, const HttpCounts& connections,
                             const Removed& removed) {
  Families families;
  families.gauge("dream_platform_trainings", "Trainings by status.");
  add_counts(families, totals.trainings);
  families.gauge("dream_platform_steps", "Steps of trainings by name and status.");
  add_counts(families, totals.steps);
  families.gauge("dream_platform_webhooks", "Webhooks by what became of them.");
  add_counts(families, totals.webhooks);
  const auto one = [&](const char* name, const char* help, std::int64_t value) {
    families.gauge(name, help);
    families.sample({}, static_cast<double>(value));
  };
  one("dream_platform_models", "Models.", totals.models);
  one("dream_platform_versions", "Versions of models.", totals.versions);
  one("dream_platform_files", "Files that clients and trainers have brought.", totals.files);
  one("dream_platform_file_bytes", "Their size; equal files lie in the store once.",
      totals.file_bytes);
  one("dream_platform_blobs", "Different files in the store, weights of versions among them.",
      totals.blobs);
  one("dream_platform_blob_bytes", "Their size, as far as it is known.", totals.blob_bytes);
  add_removed(families, removed);
  add_connections(families, connections);
  add_process(families);
  auto all = families.take();
  std::ranges::sort(all, {}, &prometheus::MetricFamily::name);
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace dream::host
