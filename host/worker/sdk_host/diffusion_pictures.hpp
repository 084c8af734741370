// The pictures among a run's diffusion inputs: read, turned upright and brought to the output's
// size, which they decide where the user does not.
#pragma once

#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker {

// Sets width, height, image, mask and what belongs to them. Throws SdkError (DREAM_INVALID_INPUT)
// that names the input.
void read_pictures(const RunState& run, const engine::ModelInfo& model,
                   engine::GenerateRequest& request);

}  // namespace dream::worker
