// Residual block and the layers that change resolution. Names equal diffusers' models/resnet.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

// What all residual blocks of a model have in common.
struct ResnetStyle {
  std::int64_t groups = 32;
  double eps = 1e-6;
  Activation act = Activation::silu;
  std::int64_t temb_channels = 0;  // 0: no timestep (the VAE)
  bool scale_shift = false;        // the timestep scales and shifts instead of being added
  double output_scale_factor = 1;
};

struct ResnetBlock2D {
  ResnetBlock2D(const Weights& weights, std::int64_t in_channels, std::int64_t out_channels,
                const ResnetStyle& style);
  // [batch, in, height, width] to [batch, out, height, width]; `temb` is [1 or batch, channels],
  // undefined where the model has no timestep.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& temb) const;

  ResnetStyle style;
  GroupNorm norm1;
  Conv2d conv1;
  std::optional<Linear> time_emb_proj;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Conv2d> conv_shortcut;

 private:
  at::Tensor shifted(const at::Tensor& x, const at::Tensor& shift) const;
};

// Halves height and width. padding 0 pads right and bottom by one, as the VAE's encoder does.
struct Downsample2D {
  Downsample2D(const Weights& weights, std::int64_t channels, std::int64_t padding);
  at::Tensor operator()(const at::Tensor& hidden_states) const;

  Conv2d conv;
};

// Nearest-neighbour to twice the size, or to `size` (height, width), then a convolution.
struct Upsample2D {
  Upsample2D(const Weights& weights, std::int64_t channels);
  at::Tensor operator()(const at::Tensor& hidden_states,
                        std::optional<std::array<std::int64_t, 2>> size = {}) const;

  Conv2d conv;
};

}  // namespace dream::engine
