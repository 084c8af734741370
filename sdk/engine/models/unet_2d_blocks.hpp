// The UNet's down, mid and up blocks. DownBlock2D and CrossAttnDownBlock2D differ only in whether
// each residual block is followed by a transformer, so one struct serves both; up and mid alike.
// Names equal diffusers' models/unets/unet_2d_blocks.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/models/attention.hpp"
#include "sdk/engine/models/resnet.hpp"

namespace dream::engine {

struct BlockShape {
  std::int64_t in_channels = 0, out_channels = 0, layers = 1;
  ResnetStyle resnet;
  bool resamples = false;                // has a downsampler or upsampler
  std::int64_t downsample_padding = 1;   // down blocks
  std::int64_t prev_output_channel = 0;  // up blocks: channels that come from below
  // Cross-attention; no transformers when has_cross_attention is false.
  bool has_cross_attention = false;
  std::int64_t heads = 1, cross_attention_dim = 0;
  std::vector<std::int64_t> transformer_layers = {1};  // one for all layers, or one each
  bool use_linear_projection = false, only_cross_attention = false;
};

struct DownBlock2D {
  DownBlock2D(const Weights& weights, const BlockShape& shape);
  // Returns the block's output and appends every intermediate result to `skips`. `addition`, where
  // defined, joins the last layer's output, before the downsampler.
  at::Tensor operator()(at::Tensor hidden_states, const at::Tensor& temb, TextContext& text,
                        std::vector<at::Tensor>& skips, const at::Tensor& addition = {}) const;

  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;  // empty or one per resnet
  std::optional<Downsample2D> downsampler;
};

struct UNetMidBlock2D {
  UNetMidBlock2D(const Weights& weights, const BlockShape& shape);
  at::Tensor operator()(at::Tensor hidden_states, const at::Tensor& temb, TextContext& text) const;

  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;  // one less than resnets
};

struct UpBlock2D {
  UpBlock2D(const Weights& weights, const BlockShape& shape);
  // Takes one entry off the end of `skips` per resnet. `size`: height and width to upsample to
  // where doubling would miss the skip connection's size.
  at::Tensor operator()(at::Tensor hidden_states, const at::Tensor& temb, TextContext& text,
                        std::vector<at::Tensor>& skips,
                        std::optional<std::array<std::int64_t, 2>> size) const;

  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;
  std::optional<Upsample2D> upsampler;
};

}  // namespace dream::engine
