// Networks that steer the drawing by a picture, read from files in the layouts they are published
// in: ControlNets (diffusers), T2I-Adapters (diffusers and the original .pth), style adapters.
#pragma once

#include <filesystem>
#include <memory>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

// Throws std::runtime_error naming file and key or tensor.
std::shared_ptr<const ControlModel> load_control_model(const std::filesystem::path& path,
                                                       const Compute& compute, const Warn& warn);

}  // namespace dream::engine
