// The configs of a single-file checkpoint, which holds none: read off its tensors' shapes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "weights/tensor_view.hpp"

namespace dream::weights {

struct OriginalConfigs {
  bool version_2 = false;   // its text encoder is OpenCLIP's
  bool inpainting = false;  // its UNet sees mask and masked picture
  nlohmann::json unet, vae, text_encoder;  // config.json of each; the UNet has no sample_size yet
};

// Sizes come from the shapes; what leaves no trace in them is as in every published model of the
// family: 8 attention heads in version 1 and heads of 64 channels in version 2 (text encoders: of
// 64 in both), 32 norm groups, scaling factor 0.18215. Throws Error naming `file` and what lacks,
// also for Stable Diffusion XL.
OriginalConfigs read_original_configs(const WeightMap& tensors, const std::string& file);

// The same of a ControlNet in the names of its first code (lllyasviel/ControlNet), which begin with
// `prefix`.
nlohmann::json read_original_controlnet_config(const WeightMap& tensors, std::string_view prefix,
                                               const std::string& file);

}  // namespace dream::weights
