// The config.json of UNets and ControlNets, read and checked: from diffusers' keys, with their
// defaults and historic namings, to the shape of every block. The model then only builds what
// stands here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/models/embeddings.hpp"
#include "sdk/engine/models/unet_2d_blocks.hpp"

namespace dream::engine {

struct UNetConfig {
  std::int64_t in_channels = 4, out_channels = 4;
  std::int64_t sample_size = 64;         // latent pixels per side
  std::int64_t cross_attention_dim = 0;  // width of the text
  std::int64_t conv_in_kernel = 3, conv_out_kernel = 3;
  bool center_input_sample = false;
  Timesteps time_proj{};
  std::int64_t time_embed_dim = 0;
  std::int64_t time_cond_proj_dim = 0;  // of the guidance scale's code; 0: the model takes none
  std::optional<Activation> timestep_post_act, time_embed_act;
  ResnetStyle resnet;
  std::vector<BlockShape> down_blocks;  // fine to coarse
  std::optional<BlockShape> mid_block;
  std::vector<BlockShape> up_blocks;  // coarse to fine
};

// A ControlNet's config.json: the first half of a UNet, and how it takes the control picture in.
struct ControlNetConfig {
  UNetConfig encoder;  // down blocks and middle; no up blocks
  std::int64_t conditioning_channels = 3;
  std::vector<std::int64_t> conditioning_widths;  // of the picture's network, from fine to coarse
  bool bgr = false;                     // the picture's channels come in this order
  bool global_pool_conditions = false;  // what it adds is the mean over all pixels

  // Pixels of the control picture per latent pixel.
  std::int64_t scale() const {
    return std::int64_t{1} << (conditioning_widths.size() - 1);
  }
};

// Both throw std::runtime_error naming file and key for values that are not supported.
UNetConfig read_unet_config(Config config, const Warn& warn);
ControlNetConfig read_controlnet_config(Config config, const Warn& warn);

}  // namespace dream::engine
