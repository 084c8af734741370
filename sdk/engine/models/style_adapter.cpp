#include "sdk/engine/models/style_adapter.hpp"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace dream::engine {
namespace {

constexpr double norm_eps = 1e-5;
constexpr std::int64_t head_channels = 128;

std::int64_t size_of(const Weights& weights, const std::string& name, std::size_t rank,
                     std::size_t dimension) {
  const auto shapes = weights.shapes();
  const auto found = shapes.find(name);
  if (found == shapes.end() || found->second.size() != rank) {
    throw std::runtime_error(
        fmt::format("style adapter: tensor \"{}\" with {} dimensions is missing", name, rank));
  }
  return found->second[dimension];
}

// A layer whose tensors are bare parameters.
Linear of_parameters(const Weights& weights, std::string_view matrix, std::string_view bias,
                     std::int64_t in, std::int64_t out) {
  return Linear::of_rows(
      weights, fmt::format("{} as layer", matrix), {matrix},
      [&] { return weights.tensor(matrix, {out, in}); }, weights.tensor(bias, {out}));
}

}  // namespace

StyleAdapter::Block::Block(const Weights& weights, std::int64_t width)
    : ln_1(weights.scope("ln_1"), width, norm_eps),
      qkv(of_parameters(weights, "attn.in_proj_weight", "attn.in_proj_bias", width, 3 * width)),
      out_proj(weights.scope("attn.out_proj"), width, width),
      ln_2(weights.scope("ln_2"), width, norm_eps),
      c_fc(weights.scope("mlp.c_fc"), width, 4 * width),
      c_proj(weights.scope("mlp.c_proj"), 4 * width, width) {}

at::Tensor StyleAdapter::Block::operator()(const at::Tensor& hidden_states,
                                           std::int64_t heads) const {
  const auto parts = qkv(ln_1(hidden_states)).chunk(3, -1);
  const auto hidden = out_proj.plus(attend(parts[0], parts[1], parts[2], heads), hidden_states);
  return c_proj.plus(apply(Activation::quick_gelu, c_fc(ln_2(hidden))), hidden);
}

StyleAdapter::StyleAdapter(const Weights& weights)
    : width_(size_of(weights, "style_embedding", 3, 2)),
      context_dim_(size_of(weights, "proj", 2, 1)),
      tokens_(size_of(weights, "style_embedding", 3, 1)),
      heads_(std::max<std::int64_t>(1, width_ / head_channels)),
      style_embedding_(weights.tensor("style_embedding", {1, tokens_, width_})),
      ln_pre_(weights.scope("ln_pre"), width_, norm_eps),
      ln_post_(weights.scope("ln_post"), width_, norm_eps),
      proj_(Linear::of_rows(weights, "proj as layer", {"proj"}, [&] {
        return weights.tensor("proj", {width_, context_dim_}).t().contiguous();
      })) {
  for (int i = 0; weights.has(fmt::format("transformer_layes.{}.ln_1.weight", i)); ++i)
    transformer_layes_.emplace_back(weights.scope(fmt::format("transformer_layes.{}", i)), width_);
}

at::Tensor StyleAdapter::forward(const at::Tensor& hidden_states) const {
  auto hidden = ln_pre_(at::cat({hidden_states, style_embedding_}, 1));
  for (const auto& block : transformer_layes_) hidden = block(hidden, heads_);
  return proj_(ln_post_(hidden.slice(1, hidden.size(1) - tokens_)));
}

}  // namespace dream::engine
