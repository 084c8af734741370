#include "host/telemetry/prediction_log.hpp"

#include <fmt/format.h>

#include "host/base/logging.hpp"
#include "host/base/text.hpp"
#include "host/base/time.hpp"

namespace dream::host {
namespace {

LogFields fields_of(const Snapshot& snapshot) {
  return {snapshot.id, snapshot.template_name, snapshot.worker};
}

void log_end(const Snapshot& snapshot) {
  if (snapshot.status == Status::failed)
    return log_at(snapshot.bad_input ? "info" : "warning", "failed: " + snapshot.error,
                  fields_of(snapshot));
  if (!is_logged("debug")) return;
  const double seconds =
      seconds_between(snapshot.created_at, snapshot.completed_at.value_or(snapshot.created_at));
  log_at("debug", fmt::format("{} after {:.3f} s", to_string(snapshot.status), seconds),
         fields_of(snapshot));
}

}  // namespace

Prediction::Observer prediction_log() {
  return [](const Snapshot& snapshot, const PredictionEvent& event) {
    using Kind = PredictionEvent::Kind;
    if (event.kind == Kind::completed) return log_end(snapshot);
    if (!is_logged("debug")) return;
    if (event.kind == Kind::start) return log_at("debug", "started", fields_of(snapshot));
    if (event.kind != Kind::log && event.kind != Kind::progress) return;
    any_part(trimmed(event.text, "\n"), '\n', [&](std::string_view line) {
      log_at("debug", line, fields_of(snapshot));
      return false;
    });
  };
}

}  // namespace dream::host
