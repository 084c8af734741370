// From a run's diffusion inputs to what the engine is asked to draw and how it is to be written.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <string>

#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {

struct DiffusionJob {
  engine::GenerateRequest request;  // width, height, seed set; on_step empty
  bool seed_drawn = false;          // the user left it empty
  std::string output_format = "png";
  int output_quality = 95;
};

// Throws SdkError: DREAM_INVALID_INPUT that names the inputs, e.g. for too many pixels.
DiffusionJob diffusion_job(const RunState& run, const dream_overrides* overrides,
                           const engine::ModelInfo& model, const weights::ModelStore& store);

}  // namespace dream::worker
