// What a training leaves: a whole model, or the LoRA in the forms that programs read.
#pragma once

#include "sdk/engine/training.hpp"
#include "sdk/engine/training/trained_model.hpp"

namespace dream::engine {

// Writes to request.output as training.hpp says. Throws std::runtime_error where that fails.
void save_trained(const TrainRequest& request, const TrainedModel& model);

}  // namespace dream::engine
