// The engine as a template holds it, and the functions of dream.engine.diffusion/1 that reach into
// its pipeline.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <memory>
#include <string>

#include "sdk/engine/engine.hpp"

struct dream_diffusion {
  std::shared_ptr<const dream::engine::Pipeline> pipeline;  // null: a template without weights
  std::string model;                                        // name of the weights
};

namespace dream::worker {

// Throws std::runtime_error for a template without weights.
const engine::Pipeline& pipeline_of(dream_diffusion* engine);

// Fills info() and everything behind it.
void add_diffusion_parts(dream_engine_diffusion_1& table);

}  // namespace dream::worker
