#include "sdk/engine/models/embeddings.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/sin.h>

#include <cmath>

namespace dream::engine {

at::Tensor Timesteps::operator()(double timestep) const {
  constexpr double max_period = 10000;
  const auto half = channels / 2;
  const auto exponent = -std::log(max_period) * at::arange(half, at::kFloat) /
                        (static_cast<double>(half) - freq_shift);
  const auto angle = (at::exp(exponent) * timestep).unsqueeze(0);
  const auto sine = at::sin(angle);
  const auto cosine = at::cos(angle);
  auto code = flip_sin_to_cos ? at::cat({cosine, sine}, 1) : at::cat({sine, cosine}, 1);
  return channels % 2 ? at::constant_pad_nd(code, {0, 1}) : code;
}

at::Tensor guidance_code(double guidance_scale, std::int64_t channels) {
  constexpr float max_period = 10000;
  const auto half = channels / 2;
  // The angles go into the thousands, so every rounding to fp32 is done where diffusers does it.
  // Its scale counts from 0, no guidance, where requests count from 1.
  const auto scale = static_cast<float>(guidance_scale - 1) * 1000.0F;
  const float decay = std::log(max_period) / static_cast<float>(half - 1);
  const auto angle = (at::exp(at::arange(half, at::kFloat) * -decay) * scale).unsqueeze(0);
  const auto code = at::cat({at::sin(angle), at::cos(angle)}, 1);
  return channels % 2 ? at::constant_pad_nd(code, {0, 1}) : code;
}

TimestepEmbedding::TimestepEmbedding(const Weights& weights, std::int64_t in_channels,
                                     std::int64_t time_embed_dim, Activation first,
                                     std::optional<Activation> last, std::int64_t cond_proj_dim)
    : linear_1(weights.scope("linear_1"), in_channels, time_embed_dim),
      linear_2(weights.scope("linear_2"), time_embed_dim, time_embed_dim),
      act(first),
      post_act(last) {
  if (cond_proj_dim > 0)
    cond_proj.emplace(weights.scope("cond_proj"), cond_proj_dim, in_channels, /*has_bias=*/false);
}

at::Tensor TimestepEmbedding::operator()(const at::Tensor& sample,
                                         const at::Tensor& condition) const {
  const auto conditioned = cond_proj ? sample + (*cond_proj)(condition) : sample;
  const auto embedding = linear_2(apply(act, linear_1(conditioned)));
  return post_act ? apply(*post_act, embedding) : embedding;
}

}  // namespace dream::engine
