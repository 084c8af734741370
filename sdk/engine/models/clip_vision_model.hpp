// CLIP's vision encoder: a picture as patches, and what it shows as one vector. Names equal
// transformers' CLIPVisionModel.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "sdk/engine/models/clip_encoder.hpp"

namespace dream::engine {

struct VisionEncoderConfig : CLIPEncoderConfig {
  std::int64_t channels = 3, image_size = 224, patch_size = 32;  // pixels per side

  std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

// Absent keys have transformers' defaults. Throws std::runtime_error naming file and key for values
// that are not supported.
VisionEncoderConfig read_vision_encoder_config(Config config, const Warn& warn);

class CLIPVisionModel {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  CLIPVisionModel(const VisionEncoderConfig& config, const Weights& weights);

  // [batch, channels, image_size, image_size] to [batch, hidden_size]: the class token after the
  // last layer and its norm, which transformers calls the pooled output.
  at::Tensor forward(const at::Tensor& pixel_values) const;
  // [batch, patches + 1, hidden_size] after the last layer, the class token first, before the norm:
  // transformers' last_hidden_state.
  at::Tensor last_hidden_state(const at::Tensor& pixel_values) const;

  const VisionEncoderConfig& config() const { return config_; }

 private:
  VisionEncoderConfig config_;
  at::Tensor class_embedding_, patch_embedding_, position_embedding_;
  LayerNorm pre_layrnorm_;  // spelled as in the files
  std::vector<CLIPEncoderLayer> layers_;
  LayerNorm post_layernorm_;
};

}  // namespace dream::engine
