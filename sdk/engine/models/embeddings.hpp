// How a timestep enters the UNet: a sinusoidal code of the number (Timesteps), then a small
// network (TimestepEmbedding). Names equal diffusers' models/embeddings.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

// Sines and cosines of the timestep at `channels` / 2 frequencies (arXiv 1706.03762, section 3.5).
struct Timesteps {
  std::int64_t channels;
  bool flip_sin_to_cos;
  double freq_shift;

  // [1, channels] in fp32 on the CPU.
  at::Tensor operator()(double timestep) const;
};

struct TimestepEmbedding {
  TimestepEmbedding(const Weights& weights, std::int64_t in_channels, std::int64_t time_embed_dim,
                    Activation act, std::optional<Activation> post_act);
  at::Tensor operator()(const at::Tensor& sample) const;

  Linear linear_1, linear_2;
  Activation act;
  std::optional<Activation> post_act;
};

}  // namespace dream::engine
