// A training from its request to the saved weights: DreamBooth, or a LoRA. See training.hpp.
#pragma once

#include <filesystem>

#include "sdk/engine/tensor/weights.hpp"
#include "sdk/engine/training.hpp"

namespace dream::engine {

// The class pictures must be complete (class_pictures.hpp). Throws as Engine::train() does.
TrainResult train(const TrainRequest& request, const std::filesystem::path& vocabulary,
                  const Compute& compute);

}  // namespace dream::engine
