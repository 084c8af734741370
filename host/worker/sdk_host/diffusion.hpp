// The engine as a template holds it, and the functions of dream.engine.diffusion/1 that reach into
// its pipeline.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <memory>
#include <string>

#include "host/worker/sdk_host/host_state.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/store/model_store.hpp"

struct dream_diffusion {
  std::shared_ptr<const dream::engine::Pipeline> pipeline;  // null: a template without weights
  std::string model;                                        // name of the weights
  dream::worker::HostState* host = nullptr;
  dream::weights::ModelStore store{{}};                     // for weights that prompts name
};

namespace dream::worker {

// Throws std::runtime_error for a template without weights.
const engine::Pipeline& pipeline_of(dream_diffusion* engine);

// Fills info() and everything behind it.
void add_diffusion_parts(dream_engine_diffusion_1& table);

}  // namespace dream::worker
