// The inputs that every trainer shares. Said once, on the host's side, so that a trainer built long
// ago gains the inputs that its host has learned since. Names, defaults and order of the first ones
// are those of Replicate's DreamBooth trainer.
#pragma once

#include <dream/abi/schema.h>

#include <vector>

#include "host/worker/sdk_host/schema.hpp"

namespace dream::worker {

// In the order users see.
std::vector<InputSpec> training_inputs(dream_training_kind kind);

}  // namespace dream::worker
