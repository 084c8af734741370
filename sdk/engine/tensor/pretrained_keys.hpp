// What transformers writes into the config.json of every model, whatever it is: settings of text
// generation, of training and of its own bookkeeping.
#pragma once

#include "sdk/engine/tensor/config.hpp"

namespace dream::engine {

void ignore_pretrained_keys(Config& config);

}  // namespace dream::engine
