#include "host/predictions/prediction.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "host/base/logging.hpp"
#include "host/base/time.hpp"
#include "host/predictions/metrics.hpp"
#include "host/predictions/progress_line.hpp"
#include "host/predictions/secrets.hpp"
#include "host/workers/protocol.hpp"

namespace dream::host {
namespace {

// A run that never stops printing or measuring must not fill the host's memory.
constexpr std::size_t max_log_bytes = protocol::max_log_bytes;
constexpr std::size_t max_metric_bytes = 16U << 20;
constexpr std::string_view logs_cut = "[the logs end here: they reached 16 MiB]\n";

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::starting:
      return "starting";
    case Status::processing:
      return "processing";
    case Status::succeeded:
      return "succeeded";
    case Status::failed:
      return "failed";
    case Status::canceled:
      return "canceled";
  }
  return "failed";
}

bool is_terminal(Status status) {
  return status == Status::succeeded || status == Status::failed || status == Status::canceled;
}

Prediction::Prediction(Snapshot initial, std::filesystem::path folder)
    : snapshot_(std::move(initial)), folder_(std::move(folder)) {
  if (snapshot_.created_at == Clock::time_point{}) snapshot_.created_at = Clock::now();
}

Prediction::~Prediction() {
  // Mostly there is none, which one call finds out.
  if (folder_.empty() || ::rmdir(folder_.c_str()) == 0 || errno == ENOENT) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Prediction::start(int worker) {
  if (snapshot_.status != Status::starting) return;
  snapshot_.worker = worker;
  snapshot_.status = Status::processing;
  snapshot_.started_at = Clock::now();
  emit({PredictionEvent::Kind::start, {}});
}

void Prediction::log(std::string_view text, LogSource source) {
  if (is_terminal(snapshot_.status) || text.empty()) return;
  const std::string lines = append_log(text);
  if (!lines.empty()) emit({PredictionEvent::Kind::log, lines, nullptr, source});
}

void Prediction::publish_files(PublishFile publish, std::function<void()> abort) {
  OutputQueue::Events events;
  events.ready = [this](OutputItem item) { show(std::move(item)); };
  events.failed = [this, abort = std::move(abort)](const std::string& error) {
    publish_error_ = error;
    log(error, LogSource::standard_error);
    if (!held_) abort();
  };
  events.empty = [this] {
    if (std::exchange(held_, false)) finish(Status::succeeded, {});
  };
  outbox_ = std::make_unique<OutputQueue>(std::move(publish), std::move(events));
}

void Prediction::output(OutputItem item) {
  if (is_terminal(snapshot_.status) || !publish_error_.empty()) return;
  if (outbox_ != nullptr) return outbox_->add(std::move(item));
  show(std::move(item));
}

void Prediction::show(OutputItem item) {
  if (is_terminal(snapshot_.status)) return;
  snapshot_.output.push_back(std::move(item));
  const OutputItem copy = snapshot_.output.back();  // stays valid whatever the observers do
  emit({PredictionEvent::Kind::output, {}, &copy});
}

void Prediction::progress(Progress progress) {
  if (is_terminal(snapshot_.status)) return;
  progress.label = without_secrets(progress.label, secrets_);
  snapshot_.progress = std::move(progress);
  const std::string lines = append_log(progress_line(snapshot_.progress));
  emit({PredictionEvent::Kind::progress, lines});
}

void Prediction::metric(std::string_view name, const nlohmann::json& value, std::string_view mode) {
  if (is_terminal(snapshot_.status) || metric_bytes_ > max_metric_bytes) return;
  try {
    metric_bytes_ += record_metric(snapshot_.metrics, name, value, mode);
    if (metric_bytes_ > max_metric_bytes) log("The metrics end here: they reached 16 MiB.");
  } catch (const std::invalid_argument& refusal) {
    return log(refusal.what(), LogSource::standard_error);
  }
  const MetricChange change{std::string(name), value, std::string(mode)};
  emit({.kind = PredictionEvent::Kind::metric, .text = {}, .metric = &change});
}

void Prediction::preview(const Preview& preview) {
  if (is_terminal(snapshot_.status)) return;
  emit({.kind = PredictionEvent::Kind::preview, .text = {}, .preview = &preview});
}

void Prediction::succeed() {
  finish(Status::succeeded, {});
}

void Prediction::fail(const std::string& error, bool bad_input) {
  if (!is_terminal(snapshot_.status)) snapshot_.bad_input = bad_input;
  finish(Status::failed, error);
}

void Prediction::cancel() {
  finish(Status::canceled, {});
}

void Prediction::end(const Outcome& outcome) {
  switch (outcome.status) {
    case Status::succeeded:
      return succeed();
    case Status::canceled:
      return cancel();
    default:
      if (!is_terminal(snapshot_.status)) snapshot_.worker_died = outcome.worker_died;
      return fail(outcome.error, outcome.bad_input);
  }
}

void Prediction::took(std::optional<double> StageTimes::*stage, double seconds) {
  if (!is_terminal(snapshot_.status)) snapshot_.stages.*stage = seconds;
}

void Prediction::drop_logs(std::uint64_t lines) {
  if (!is_terminal(snapshot_.status)) dropped_lines_ += lines;
}

void Prediction::finish(Status status, const std::string& error) {
  if (is_terminal(snapshot_.status)) return;
  held_ = status == Status::succeeded && outbox_ != nullptr && !outbox_->is_empty();
  if (held_) {
    held_since_ = Clock::now();
    return;
  }
  if (held_since_) snapshot_.stages.upload_s = seconds_between(*held_since_, Clock::now());
  if (dropped_lines_ > 0)
    snapshot_.logs += fmt::format("[{} more lines were dropped]\n", dropped_lines_);
  const bool unpublished = !publish_error_.empty();
  snapshot_.status = unpublished ? Status::failed : status;
  snapshot_.error = without_secrets(unpublished ? publish_error_ : error, secrets_);
  snapshot_.completed_at = Clock::now();
  snapshot_.metrics["predict_time"] =
      seconds_between(snapshot_.started_at.value_or(snapshot_.created_at), *snapshot_.completed_at);
  emit({PredictionEvent::Kind::completed, {}});
}

std::string Prediction::append_log(std::string_view text) {
  const auto line_count = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) +
                          (text.ends_with('\n') ? 0 : 1);
  if (logs_full_) {
    dropped_lines_ += line_count;
    return {};
  }
  std::string lines = without_secrets(text, secrets_);
  if (lines.back() != '\n') lines += '\n';
  if (snapshot_.logs.size() + lines.size() > max_log_bytes) {
    logs_full_ = true;
    dropped_lines_ += line_count;
    lines = logs_cut;
  }
  snapshot_.logs += lines;
  return lines;
}

void Prediction::emit(const PredictionEvent& event) {
  for (std::size_t i = 0; i < observers_.size(); ++i) {  // an observer may add another
    try {
      const Observer observer = observers_[i];
      observer(snapshot_, event);
    } catch (const std::exception& error) {
      log_at("error", std::string("an observer failed: ") + error.what(),
             {.prediction = snapshot_.id, .template_name = snapshot_.template_name});
    }
  }
}

}  // namespace dream::host
