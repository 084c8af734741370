// What a checkpoint must be of to go on from.
#pragma once

#include <string>

#include "sdk/engine/training.hpp"

namespace dream::engine {

// Of all that decides what a step does: settings, pictures, base. Not of how many steps there are,
// of samples and of the form of the output: a training may go on for longer. Throws
// std::runtime_error naming a picture that cannot be read.
std::string request_digest(const TrainRequest& request);

}  // namespace dream::engine
