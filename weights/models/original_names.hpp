// Names of Stable Diffusion's tensors in the files of its first code (CompVis latent-diffusion, and
// OpenCLIP in version 2) for their names in diffusers. One way is enough for reading and writing:
// diffusers' names follow from the configs (models/layout.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dream::weights {

constexpr std::string_view original_unet_prefix = "model.diffusion_model.";
constexpr std::string_view original_vae_prefix = "first_stage_model.";
constexpr std::string_view original_clip_prefix = "cond_stage_model.transformer.";
constexpr std::string_view original_open_clip_prefix = "cond_stage_model.model.";

// A tensor of the original file, or the third of it that holds one of query, key and value.
struct OriginalTensor {
  std::string name;  // without prefix
  int part = -1;     // 0, 1, 2: rows of the first, second, last third
};

// "down_blocks.0.resnets.1.conv1.weight" -> "input_blocks.2.0.in_layers.2.weight". `config` is the
// UNet's, for its number of layers and its attention blocks.
std::string original_unet_name(std::string_view name, const nlohmann::json& config);

// The same for a ControlNet: "controlnet_down_blocks.3.weight" -> "zero_convs.3.0.weight",
// "controlnet_cond_embedding.blocks.0.bias" -> "input_hint_block.2.bias".
std::string original_controlnet_name(std::string_view name, const nlohmann::json& config);

// "decoder.up_blocks.0.resnets.0.conv1.weight" -> "decoder.up.3.block.0.conv1.weight".
std::string original_vae_name(std::string_view name, const nlohmann::json& config);

// "text_model.encoder.layers.3.self_attn.k_proj.bias" ->
// {"transformer.resblocks.3.attn.in_proj_bias", 1}.
OriginalTensor original_open_clip_name(std::string_view name);

// "model_ema.diffusion_modelinput_blocks00weight" for "input_blocks.0.0.weight".
std::string original_ema_name(std::string_view original_unet_name);

}  // namespace dream::weights
