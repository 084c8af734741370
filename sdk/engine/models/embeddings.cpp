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

TimestepEmbedding::TimestepEmbedding(const Weights& weights, std::int64_t in_channels,
                                     std::int64_t time_embed_dim, Activation first,
                                     std::optional<Activation> last)
    : linear_1(weights.scope("linear_1"), in_channels, time_embed_dim),
      linear_2(weights.scope("linear_2"), time_embed_dim, time_embed_dim),
      act(first),
      post_act(last) {}

at::Tensor TimestepEmbedding::operator()(const at::Tensor& sample) const {
  const auto embedding = linear_2(apply(act, linear_1(sample)));
  return post_act ? apply(*post_act, embedding) : embedding;
}

}  // namespace dream::engine
