// How a timestep enters the UNet: a sinusoidal code of the number (Timesteps), then a small
// network (TimestepEmbedding). Names equal diffusers' models/embeddings.py. A model distilled from
// a guided one (arXiv 2310.04378) is told the guidance scale the same way.
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

// get_guidance_scale_embedding() of diffusers' LatentConsistencyModelPipeline: sines, then cosines.
// `channels` is at least 4. [1, channels] in fp32 on the CPU.
at::Tensor guidance_code(double guidance_scale, std::int64_t channels);

struct TimestepEmbedding {
  // `cond_proj_dim` is the width of what the sample is conditioned on, 0 for nothing.
  TimestepEmbedding(const Weights& weights, std::int64_t in_channels, std::int64_t time_embed_dim,
                    Activation act, std::optional<Activation> post_act,
                    std::int64_t cond_proj_dim = 0);
  // `condition` [1, cond_proj_dim] is needed where there is one.
  at::Tensor operator()(const at::Tensor& sample, const at::Tensor& condition = {}) const;

  Linear linear_1, linear_2;
  std::optional<Linear> cond_proj;
  Activation act;
  std::optional<Activation> post_act;
};

}  // namespace dream::engine
