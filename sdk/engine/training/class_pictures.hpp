// Pictures of the class, drawn by the base itself: what the prior preservation of DreamBooth keeps
// the model from forgetting (arXiv 2208.12242, section 3.3).
#pragma once

#include <vector>

#include "sdk/engine/training.hpp"

namespace dream::engine {

// The given class pictures, and as many drawn with `base` as are missing of num_class_images: by
// PNDM, 50 steps, guidance 7.5. Picture i is drawn with the seed request.seed + i and handed to
// keep_class_picture. Throws Canceled.
std::vector<TrainPicture> class_pictures(const TrainRequest& request, const Pipeline& base);

// Whether class_pictures() has something to draw.
bool lacks_class_pictures(const TrainRequest& request);

}  // namespace dream::engine
