// From a run's diffusion inputs to what the engine is asked to draw and how it is to be written.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <optional>
#include <string>

#include "host/worker/sdk_host/control_plan.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {

struct DiffusionJob {
  engine::GenerateRequest request;  // width, height, seed set; on_step empty
  bool seed_drawn = false;          // the user left it empty
  std::string output_format = "png";
  int output_quality = 95;
  nlohmann::json control_maps = nlohmann::json::array();  // how each control's map was made
};

// What the template sets, as far as its struct reaches: null beyond.
dream_overrides known_part(const dream_overrides* overrides);

// All of the request but its controls. `control`: the size of the picture that leads, where it may
// decide the output's. Throws SdkError: DREAM_INVALID_INPUT that names the inputs, e.g. for too
// many pixels.
DiffusionJob diffusion_job(const RunState& run, const dream_overrides& given,
                           const engine::ModelInfo& model, const weights::ModelStore& store,
                           const InputPictures& pictures,
                           std::optional<imaging::Size> control = std::nullopt);

}  // namespace dream::worker
