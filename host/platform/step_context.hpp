// What a step that runs sees of the platform: its training, its checkpoint, and whether it is to
// end.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "host/platform/platform_core.hpp"

namespace dream::host {

// The step has failed, and would fail again. Any other exception means it may be tried again.
struct StepFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The client wants no more of it.
struct StepCanceled : std::exception {};
// This process lets go of it: it stops, or has lost the lease.
struct StepInterrupted : std::exception {};

// Set by the heartbeat.
struct StepFlags {
  std::atomic<bool> canceled = false;
  std::atomic<bool> interrupted = false;
  std::atomic<bool> ended = false;  // either

  void cancel() { canceled = ended = true; }
  void interrupt() { interrupted = ended = true; }
};

class StepContext {
 public:
  StepContext(PlatformCore& core, Step step, std::shared_ptr<StepFlags> flags);

  PlatformCore& core() { return core_; }
  const Step& step() const { return step_; }
  const Training& training() const { return training_; }
  const std::atomic<bool>& ended() const { return flags_->ended; }

  // Throws StepCanceled or StepInterrupted.
  void check() const;
  // Sleeps, but not past a check() that throws.
  void pause(std::chrono::milliseconds time) const;

  // One line of the training's log.
  void log(const std::string& line);
  // For people, about once a second: "pushing sha256:…", bytes or steps done of all (0: not known).
  void progress(const std::string& what, std::uint64_t done, std::uint64_t total);

  Json& checkpoint() { return checkpoint_; }
  // Throws StepInterrupted if the lease is lost.
  void save_checkpoint();
  void set_status(const char* status);

 private:
  PlatformCore& core_;
  Step step_;
  std::shared_ptr<StepFlags> flags_;
  Training training_;
  Json checkpoint_;
  std::chrono::steady_clock::time_point told_at_{};
};

}  // namespace dream::host
