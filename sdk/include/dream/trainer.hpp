// Trainer: fine-tunes Stable Diffusion on pictures of the user's. Opened by the template's
// constructor, closed with the template.
#pragma once

#include <dream/abi/engine_training.h>

#include <dream/host.hpp>
#include <dream/interface.hpp>
#include <dream/run.hpp>
#include <dream/schema.hpp>

namespace dream {

class Trainer {
  using Api = dream_engine_training_1;

 public:
  // Loads the engine; weights are read by each training. Throws Unsupported if this host cannot
  // train. SDK 1.3.
  explicit Trainer(Setup& setup) : api_(Host(setup).handle(), DREAM_ENGINE_TRAINING_1) {
    detail::check(api_.host(), api_.get(&Api::open, "open")(setup.handle(), &handle_));
  }
  ~Trainer() {
    const auto close = api_.find(&Api::close);
    if (close != nullptr && handle_ != nullptr) close(handle_);
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Trains what the run's training inputs ask for: publishes one file, output.zip, and reports
  // progress, samples and metrics. Throws InvalidInput for inputs or data that cannot be used,
  // before anything is trained; Canceled, with a checkpoint kept from which the same inputs go on;
  // Error. One training at a time.
  void train(Run& run, const TrainingInputs&) {
    detail::check(api_.host(),
                  api_.get(&Api::train, "train")(handle_, detail::RunAccess::handle(run)));
  }

 private:
  detail::Interface<Api> api_;
  dream_trainer* handle_ = nullptr;
};

}  // namespace dream
