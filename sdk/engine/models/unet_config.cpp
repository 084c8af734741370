#include "sdk/engine/models/unet_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace dream::engine {
namespace {

std::optional<Activation> optional_activation(Config& config, const std::string& key) {
  if (!config.has(key)) return std::nullopt;
  return activation(config, key, "");
}

bool has_cross_attention(const Config& config, const std::string& key, const std::string& type,
                         const std::string& plain, const std::string& cross) {
  if (type == cross) return true;
  if (type == plain) return false;
  config.fail(key, fmt::format("names \"{}\"; supported: {}, {}", type, plain, cross));
}

// Variants of the architecture that other model families use. Refused when set.
void refuse_unsupported(Config& config) {
  for (const char* key :
       {"addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim",
        "encoder_hid_dim_type", "cross_attention_norm"}) {
    config.only(key, nullptr);
  }
  config.only("dual_cross_attention", false);
  config.only("class_embeddings_concat", false);
  config.only("attention_type", "default");
  config.only("time_embedding_type", "positional");
  // upcast_attention: the fused attention accumulates in fp32 whatever it says, in diffusers too.
  // The rest belongs to blocks and embeddings refused above, or to training.
  config.ignore({"upcast_attention", "dropout", "resnet_skip_time_act", "resnet_out_scale_factor",
                 "mid_block_only_cross_attention", "addition_embed_type_num_heads",
                 "addition_time_embed_dim", "projection_class_embeddings_input_dim"});
}

std::int64_t read_time_cond_proj_dim(Config& config) {
  constexpr std::int64_t least = 4;  // two frequencies, which the ends of their range are
  if (!config.has("time_cond_proj_dim")) return 0;
  const auto width = config.integer("time_cond_proj_dim");
  if (width < least)
    config.fail("time_cond_proj_dim", fmt::format("is {}; at least {}", width, least));
  return width;
}

ResnetStyle read_resnet_style(Config& config, std::int64_t time_embed_dim) {
  ResnetStyle style;
  style.groups = config.integer("norm_num_groups", 32);
  style.eps = config.number("norm_eps", 1e-5);
  style.act = activation(config, "act_fn", "silu");
  style.temb_channels = time_embed_dim;
  const auto shift = config.text("resnet_time_scale_shift", "default");
  if (shift != "default" && shift != "scale_shift") {
    config.fail("resnet_time_scale_shift",
                fmt::format("is \"{}\"; supported: default, scale_shift", shift));
  }
  style.scale_shift = shift == "scale_shift";
  return style;
}

std::int64_t read_sample_size(Config& config) {
  constexpr std::int64_t stable_diffusion_size = 64;
  // A pair counts by its height; requests give both sides anyway.
  return config.integer_per_block("sample_size", 2, stable_diffusion_size).front();
}

// The widths and depths of all blocks, one entry per resolution from fine to coarse.
struct Blocks {
  std::vector<std::string> down_types, up_types;
  std::vector<std::int64_t> channels, layers, heads, cross_attention_dim;
  std::vector<std::vector<std::int64_t>> transformer_layers;
  std::vector<bool> only_cross_attention;
};

Blocks read_blocks(Config& config, bool with_up_blocks) {
  Blocks blocks;
  blocks.channels = config.integers("block_out_channels");
  const auto count = blocks.channels.size();
  if (count == 0) config.fail("block_out_channels", "is missing or empty");
  for (const auto width : blocks.channels) {
    if (width < 1) config.fail("block_out_channels", fmt::format("holds {}", width));
  }
  blocks.down_types = config.texts("down_block_types");
  if (blocks.down_types.size() != count) {
    config.fail("down_block_types", fmt::format("needs {} entries, one per block", count));
  }
  if (with_up_blocks) blocks.up_types = config.texts("up_block_types");
  if (with_up_blocks && blocks.up_types.size() != count) {
    config.fail("up_block_types", fmt::format("needs {} entries, one per block", count));
  }
  blocks.layers = config.integer_per_block("layers_per_block", count, 2);
  // Historic naming in diffusers: attention_head_dim holds the number of heads.
  blocks.heads = config.has("num_attention_heads")
                     ? config.integer_per_block("num_attention_heads", count, 8)
                     : config.integer_per_block("attention_head_dim", count, 8);
  config.ignore({"attention_head_dim"});
  blocks.cross_attention_dim = config.integer_per_block("cross_attention_dim", count, 1280);
  blocks.only_cross_attention = config.flag_per_block("only_cross_attention", count, false);
  blocks.transformer_layers = config.layers_per_block("transformer_layers_per_block", count, 1);
  return blocks;
}

void check_transformer_layers(const Config& config, const BlockShape& block) {
  const auto given = static_cast<std::int64_t>(block.transformer_layers.size());
  if (block.has_cross_attention && given != 1 && given < block.layers) {
    config.fail("transformer_layers_per_block",
                fmt::format("lists {} layers for a block of {}", given, block.layers));
  }
}

// What a block of a level has whichever way it is passed.
BlockShape block_shape(const UNetConfig& unet, const Blocks& blocks, std::size_t level,
                       bool use_linear_projection) {
  BlockShape shape;
  shape.in_channels = blocks.channels[level == 0 ? 0 : level - 1];
  shape.out_channels = blocks.channels[level];
  shape.layers = blocks.layers[level];
  shape.resnet = unet.resnet;
  shape.resamples = true;
  shape.heads = blocks.heads[level];
  shape.cross_attention_dim = blocks.cross_attention_dim[level];
  shape.transformer_layers = blocks.transformer_layers[level];
  shape.use_linear_projection = use_linear_projection;
  shape.only_cross_attention = blocks.only_cross_attention[level];
  return shape;
}

std::optional<BlockShape> mid_block_shape(Config& config, BlockShape coarsest) {
  const auto type = config.text("mid_block_type", "UNetMidBlock2DCrossAttn");
  const auto scale = config.number("mid_block_scale_factor", 1);
  if (config.is_null("mid_block_type")) return std::nullopt;
  coarsest.has_cross_attention = has_cross_attention(config, "mid_block_type", type,
                                                     "UNetMidBlock2D", "UNetMidBlock2DCrossAttn");
  coarsest.in_channels = coarsest.out_channels;
  coarsest.layers = 1;
  coarsest.resnet.output_scale_factor = scale;
  coarsest.transformer_layers.resize(1);
  coarsest.only_cross_attention = false;
  return coarsest;
}

void add_down_blocks(UNetConfig& unet, Config& config, const Blocks& blocks, bool linear) {
  const auto padding = config.integer("downsample_padding", 1);
  const auto count = blocks.channels.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto& down = unet.down_blocks.emplace_back(block_shape(unet, blocks, i, linear));
    down.downsample_padding = padding;
    down.resamples = i + 1 < count;
    down.has_cross_attention = has_cross_attention(config, "down_block_types", blocks.down_types[i],
                                                   "DownBlock2D", "CrossAttnDownBlock2D");
    check_transformer_layers(config, down);
  }
  unet.mid_block = mid_block_shape(config, block_shape(unet, blocks, count - 1, linear));
}

void add_up_blocks(UNetConfig& unet, Config& config, const Blocks& blocks, bool linear) {
  const auto count = blocks.channels.size();
  std::vector<std::vector<std::int64_t>> layers{blocks.transformer_layers.rbegin(),
                                                blocks.transformer_layers.rend()};
  if (config.has("reverse_transformer_layers_per_block"))
    layers = config.layers_per_block("reverse_transformer_layers_per_block", count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto level = count - 1 - i;
    auto& up = unet.up_blocks.emplace_back(block_shape(unet, blocks, level, linear));
    up.layers += 1;
    up.prev_output_channel = blocks.channels[std::min(level + 1, count - 1)];
    up.transformer_layers = layers[i];
    up.resamples = i + 1 < count;
    up.has_cross_attention = has_cross_attention(config, "up_block_types", blocks.up_types[i],
                                                 "UpBlock2D", "CrossAttnUpBlock2D");
    check_transformer_layers(config, up);
  }
}

// What stands in the configs of UNets and of ControlNets alike, down to the middle block.
UNetConfig read_encoder(Config& config, const Blocks& blocks, bool linear) {
  refuse_unsupported(config);
  const auto finest = blocks.channels.front();
  UNetConfig unet;
  unet.in_channels = config.integer("in_channels", 4);
  unet.cross_attention_dim = blocks.cross_attention_dim.front();
  unet.time_proj = {finest, config.flag("flip_sin_to_cos", true), config.number("freq_shift", 0)};
  unet.time_embed_dim = config.integer("time_embedding_dim", 4 * finest);
  unet.resnet = read_resnet_style(config, unet.time_embed_dim);
  add_down_blocks(unet, config, blocks, linear);
  return unet;
}

}  // namespace

UNetConfig read_unet_config(Config config, const Warn& warn) {
  const auto blocks = read_blocks(config, true);
  const bool linear = config.flag("use_linear_projection", false);
  auto unet = read_encoder(config, blocks, linear);
  add_up_blocks(unet, config, blocks, linear);
  unet.out_channels = config.integer("out_channels", 4);
  unet.sample_size = read_sample_size(config);
  unet.conv_in_kernel = config.integer("conv_in_kernel", 3);
  unet.conv_out_kernel = config.integer("conv_out_kernel", 3);
  unet.center_input_sample = config.flag("center_input_sample", false);
  unet.time_cond_proj_dim = read_time_cond_proj_dim(config);
  unet.timestep_post_act = optional_activation(config, "timestep_post_act");
  unet.time_embed_act = optional_activation(config, "time_embedding_act_fn");
  config.finish(warn);
  return unet;
}

ControlNetConfig read_controlnet_config(Config config, const Warn& warn) {
  const auto blocks = read_blocks(config, false);
  ControlNetConfig net;
  net.encoder = read_encoder(config, blocks, config.flag("use_linear_projection", false));
  net.conditioning_channels = config.integer("conditioning_channels", 3);
  config.only("conditioning_channels", 3);
  net.conditioning_widths = config.integers("conditioning_embedding_out_channels");
  if (net.conditioning_widths.empty()) net.conditioning_widths = {16, 32, 96, 256};
  const auto order = config.text("controlnet_conditioning_channel_order", "rgb");
  if (order != "rgb" && order != "bgr") {
    config.fail("controlnet_conditioning_channel_order",
                fmt::format("is \"{}\"; supported: rgb, bgr", order));
  }
  net.bgr = order == "bgr";
  net.global_pool_conditions = config.flag("global_pool_conditions", false);
  config.finish(warn);
  return net;
}

}  // namespace dream::engine
