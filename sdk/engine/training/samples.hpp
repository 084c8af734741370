// Pictures drawn with the weights as they are in the middle of a training.
#pragma once

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/training.hpp"

namespace dream::engine {

// n_save_sample pictures of save_sample_prompt by DDIM, one at a time, picture i with the seed
// request.seed + i; nothing without a prompt. Throws Canceled.
void draw_samples(const TrainRequest& request, const Components& parts, int step);

}  // namespace dream::engine
