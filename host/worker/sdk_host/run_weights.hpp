// The model a run draws with: the server's, or the one its input `weights` names.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "host/worker/sdk_host/diffusion.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker {

struct RunWeights {
  std::shared_ptr<const engine::Pipeline> pipeline;
  std::filesystem::path place;       // of the weights
  std::string model;                 // their name
  std::shared_ptr<const void> held;  // keeps them in memory for the run
};

// Of a model that the run names, its logs tell whether it was in memory and how long loading took.
// Throws std::runtime_error for a template without weights, and for weights that cannot be read.
RunWeights run_weights(dream_diffusion& engine, RunState& run);

// "sd-1.5" of "/models/sd-1.5/".
std::string model_name(const std::filesystem::path& weights);

}  // namespace dream::worker
