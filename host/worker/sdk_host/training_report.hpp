// What a training tells while it runs: progress with the true speed, a log line every ten steps,
// metrics, samples.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <string>

#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/training.hpp"

namespace dream::worker {

// Steps per second of each phase by itself: other phases between its steps do not count, nor do
// steps that were taken before a resumed training went on.
class PhaseClock {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit PhaseClock(Time begin) : last_(begin) {}
  // A step that has been taken.
  void note(engine::TrainPhase phase, int step, Time now);
  double steps_per_second(engine::TrainPhase phase) const;  // 0: not known

 private:
  struct Count {
    int last = -1;  // step; -1: none yet
    int steps = 0;
    double seconds = 0;
  };
  std::array<Count, 5> counts_{};  // by phase
  Time last_;
};

class TrainingReport {
 public:
  // Samples are kept in `samples`, a folder that is made for the first one.
  TrainingReport(RunState& run, std::filesystem::path samples);

  bool on_progress(const engine::TrainProgress& progress);  // false: canceled
  void on_sample(const engine::TrainSample& sample);
  void on_end(const engine::TrainResult& result);

  int step() const { return step_; }  // the last that was trained; 0: none

 private:
  void log_step(const engine::TrainProgress& progress, double rate);

  RunState& run_;
  std::filesystem::path samples_;
  PhaseClock clock_{std::chrono::steady_clock::now()};
  std::chrono::steady_clock::time_point label_time_{};
  engine::TrainPhase label_phase_ = engine::TrainPhase::saving;
  std::string label_;
  int step_ = 0;
  double mean_loss_ = 0;
  double learning_rate_ = 0;
};

// "2 h 5 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}  // namespace dream::worker
