#include "host/worker/sdk_host/training_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "host/base/base64.hpp"
#include "host/worker/imaging/encode.hpp"
#include "host/worker/sdk_host/output_file.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

using engine::TrainPhase;
using SteadyClock = std::chrono::steady_clock;

constexpr int steps_per_log = 10;
constexpr int preview_quality = 90;
constexpr std::chrono::milliseconds label_interval{250};  // every new label is sent

std::string label_of(const engine::TrainProgress& progress) {
  switch (progress.phase) {
    case TrainPhase::class_pictures:
      return "class pictures";
    case TrainPhase::caching:
      return "caching";
    case TrainPhase::training:
      return fmt::format("loss {:.4f}, lr {:.3g}", progress.mean_loss, progress.learning_rate);
    case TrainPhase::sampling:
      return "samples";
    case TrainPhase::saving:
      return "saving";
  }
  return "";
}

std::string rate_text(double rate) {
  return rate < 1 ? fmt::format("{:.2f} s/it", 1 / rate) : fmt::format("{:.2f} it/s", rate);
}

}  // namespace

void PhaseClock::note(TrainPhase phase, int step, Time now) {
  Count& count = counts_.at(static_cast<std::size_t>(phase));
  if (step < count.last) count = {};  // it begins once more
  count.seconds += std::chrono::duration<double>(now - last_).count();
  count.steps += count.last < 0 ? std::min(step, 1) : step - count.last;
  count.last = step;
  last_ = now;
}

double PhaseClock::steps_per_second(TrainPhase phase) const {
  const Count& count = counts_.at(static_cast<std::size_t>(phase));
  return count.seconds > 0 ? count.steps / count.seconds : 0;
}

TrainingReport::TrainingReport(RunState& run, fs::path samples)
    : run_(run), samples_(std::move(samples)) {}

bool TrainingReport::on_progress(const engine::TrainProgress& progress) {
  const auto now = SteadyClock::now();
  clock_.note(progress.phase, progress.step, now);
  const double rate = clock_.steps_per_second(progress.phase);
  if (label_.empty() || progress.phase != label_phase_ || progress.step >= progress.steps ||
      now - label_time_ >= label_interval) {
    label_ = label_of(progress);
    label_phase_ = progress.phase;
    label_time_ = now;
  }
  // The time that all steps so far would have taken, from which whoever shows it sees the speed.
  run_.progress(static_cast<std::uint64_t>(progress.step),
                static_cast<std::uint64_t>(progress.steps), label_,
                rate > 0 ? progress.step / rate : 0);
  if (progress.phase == TrainPhase::training) {
    step_ = progress.step;
    mean_loss_ = progress.mean_loss;
    learning_rate_ = progress.learning_rate;
    if (progress.step % steps_per_log == 0 || progress.step == progress.steps)
      log_step(progress, rate);
  }
  return !run_.canceled();
}

void TrainingReport::log_step(const engine::TrainProgress& progress, double rate) {
  std::string line =
      fmt::format("step {}/{}: loss={:.4f}, mean={:.4f}, lr={:.3g}", progress.step, progress.steps,
                  progress.loss, progress.mean_loss, progress.learning_rate);
  if (rate > 0) line += ", " + rate_text(rate);
  if (rate > 0 && progress.step < progress.steps)
    line += ", " + duration_text((progress.steps - progress.step) / rate) + " left";
  run_.log("info", line);
  run_.metric("loss", progress.mean_loss, "replace");
  run_.metric("learning_rate", progress.learning_rate, "replace");
  run_.metric("steps", progress.step, "replace");
}

void TrainingReport::on_sample(const engine::TrainSample& sample) {
  const bool at_end = sample.step >= sample.steps;
  const fs::path folder = at_end ? samples_ : samples_ / fmt::format("step-{}", sample.step);
  fs::create_directories(folder);
  write_file(folder / fmt::format("{}.png", sample.index),
             imaging::encode(sample.image, "png", 100));
  if (!run_.request().previews) return;
  const auto file = imaging::encode(sample.image, "jpg", preview_quality);
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  run_.preview(sample.index, sample.step, sample.steps,
               "data:image/jpeg;base64," + host::base64_encode(bytes));
}

void TrainingReport::on_end(const engine::TrainResult& result) {
  const int taken = result.steps - result.resumed_from;
  run_.metric("loss", mean_loss_, "replace");
  run_.metric("learning_rate", learning_rate_, "replace");
  run_.metric("steps", result.steps, "replace");
  run_.metric("resumed_from_step", result.resumed_from, "replace");
  run_.metric("training_time_s", result.seconds, "replace");
  run_.metric("steps_per_s", taken / std::max(result.seconds, 1e-6), "replace");
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace dream::worker
