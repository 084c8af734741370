// A picture as CLIP's vision encoder takes it: the shortest side scaled, the middle cut out, the
// colours normalized. Numbers equal transformers' CLIPImageProcessor on Pillow.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

#include "sdk/engine/image/picture.hpp"
#include "sdk/engine/tensor/config.hpp"

namespace dream::engine {

struct CLIPImageProcessor {
  int shortest_edge = 224, crop = 224;  // pixels
  Filter resample = Filter::bicubic;
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std = {0.26862954, 0.26130258, 0.27577711};

  // fp32 [1, 3, crop, crop] on the CPU, of a picture with 3 channels.
  at::Tensor operator()(const Picture& picture) const;
};

// A preprocessor_config.json of any age. Throws std::runtime_error naming file and key for what is
// not supported.
CLIPImageProcessor read_clip_image_processor(Config config, const Warn& warn);

}  // namespace dream::engine
