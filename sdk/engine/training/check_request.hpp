// A request checked before anything is read or computed.
#pragma once

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/training.hpp"

namespace dream::engine {

// Throws InvalidInput naming the input, its value and what is allowed.
void check_request(const TrainRequest& request);

// Pixels per side of what is learned from. Throws InvalidInput for a resolution that the model
// cannot have.
int training_resolution(const TrainRequest& request, int native_size, int size_multiple);
int training_resolution(const TrainRequest& request, const Components& parts);

}  // namespace dream::engine
