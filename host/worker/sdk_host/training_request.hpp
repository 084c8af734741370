// From a run's training inputs to what the engine is asked to train.
#pragma once

#include <nlohmann/json.hpp>

#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/training.hpp"

namespace dream::worker {

// All that the inputs say by themselves: no pictures, folders or callbacks, and max_train_steps as
// it was given. Throws SdkError (DREAM_INVALID_INPUT) that names the inputs which contradict each
// other.
engine::TrainRequest training_request(const RunState& run);

// Steps that make up so many passes over the request's pictures.
int steps_of_epochs(const engine::TrainRequest& request, int epochs);

// Of the model at `base`, in pixels per side; 0: it does not say.
int native_size(const std::filesystem::path& base);

// What args.json tells: every input with the value that counted; files and models by their names.
nlohmann::ordered_json training_arguments(const RunState& run, const engine::TrainRequest& request);

}  // namespace dream::worker
