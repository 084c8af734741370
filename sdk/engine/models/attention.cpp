#include "sdk/engine/models/attention.hpp"

#include <ATen/ops/gelu.h>
#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace dream::engine {
namespace {

constexpr double layer_norm_eps = 1e-5;
constexpr double transformer_norm_eps = 1e-6;

std::int64_t checked_heads(std::int64_t heads, std::int64_t dim) {
  if (heads < 1 || dim % heads != 0) {
    throw std::runtime_error(
        fmt::format("{} attention heads do not divide {} channels", heads, dim));
  }
  return heads;
}

Linear projection(const Weights& weights, std::int64_t channels, bool use_linear) {
  return use_linear ? Linear(weights, channels, channels)
                    : Linear::pointwise(weights, channels, channels);
}

}  // namespace

Attention::Attention(const Weights& weights, std::int64_t query_dim, std::int64_t head_count,
                     std::optional<std::int64_t> context_dim)
    : heads(checked_heads(head_count, query_dim)),
      to_q(weights.scope("to_q"), query_dim, query_dim, /*has_bias=*/false),
      to_k(weights.scope("to_k"), context_dim.value_or(query_dim), query_dim, false),
      to_v(weights.scope("to_v"), context_dim.value_or(query_dim), query_dim, false),
      to_out(weights.scope("to_out.0"), query_dim, query_dim) {}

KeyValue Attention::keys_values(const at::Tensor& context) const {
  return {to_k(context), to_v(context)};
}

at::Tensor Attention::operator()(const at::Tensor& hidden_states) const {
  const auto [key, value] = keys_values(hidden_states);
  return to_out(attend(to_q(hidden_states), key, value, heads));
}

at::Tensor Attention::operator()(const at::Tensor& hidden_states, TextContext& text) const {
  const auto& [key, value] = text.keys_values(*this);
  return to_out(attend(to_q(hidden_states), key, value, heads));
}

TextContext::TextContext(at::Tensor states) : states_(std::move(states)) {}

const KeyValue& TextContext::keys_values(const Attention& layer) {
  const auto found = cache_.find(&layer);
  if (found != cache_.end()) return found->second;
  return cache_.emplace(&layer, layer.keys_values(states_)).first->second;
}

FeedForward::FeedForward(const Weights& weights, std::int64_t dim)
    : proj(weights.scope("net.0.proj"), dim, 8 * dim), out(weights.scope("net.2"), 4 * dim, dim) {}

at::Tensor FeedForward::operator()(const at::Tensor& hidden_states) const {
  const auto halves = proj(hidden_states).chunk(2, -1);
  return out(halves[0] * at::gelu(halves[1]));
}

BasicTransformerBlock::BasicTransformerBlock(const Weights& weights, std::int64_t dim,
                                             std::int64_t heads, std::int64_t cross_attention_dim,
                                             bool cross_only)
    : only_cross_attention(cross_only),
      norm1(weights.scope("norm1"), dim, layer_norm_eps),
      norm2(weights.scope("norm2"), dim, layer_norm_eps),
      norm3(weights.scope("norm3"), dim, layer_norm_eps),
      attn1(weights.scope("attn1"), dim, heads,
            cross_only ? std::optional(cross_attention_dim) : std::nullopt),
      attn2(weights.scope("attn2"), dim, heads, cross_attention_dim),
      ff(weights.scope("ff"), dim) {}

at::Tensor BasicTransformerBlock::operator()(at::Tensor hidden_states, TextContext& text) const {
  const auto normed = norm1(hidden_states);
  hidden_states = hidden_states + (only_cross_attention ? attn1(normed, text) : attn1(normed));
  hidden_states = hidden_states + attn2(norm2(hidden_states), text);
  return hidden_states + ff(norm3(hidden_states));
}

Transformer2DModel::Transformer2DModel(const Weights& weights, const Shape& shape)
    : norm(weights.scope("norm"), shape.channels, shape.norm_num_groups, transformer_norm_eps),
      proj_in(projection(weights.scope("proj_in"), shape.channels, shape.use_linear_projection)),
      proj_out(projection(weights.scope("proj_out"), shape.channels, shape.use_linear_projection)) {
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    transformer_blocks.emplace_back(weights.scope(fmt::format("transformer_blocks.{}", i)),
                                    shape.channels, shape.heads, shape.cross_attention_dim,
                                    shape.only_cross_attention);
  }
}

at::Tensor Transformer2DModel::operator()(const at::Tensor& hidden_states,
                                          TextContext& text) const {
  const auto batch = hidden_states.size(0), channels = hidden_states.size(1);
  const auto height = hidden_states.size(2), width = hidden_states.size(3);
  // channels_last makes both permutations views.
  auto tokens =
      norm(hidden_states).permute({0, 2, 3, 1}).reshape({batch, height * width, channels});
  tokens = proj_in(tokens);
  for (const auto& block : transformer_blocks) tokens = block(std::move(tokens), text);
  tokens = proj_out(tokens);
  return tokens.view({batch, height, width, channels}).permute({0, 3, 1, 2}) + hidden_states;
}

}  // namespace dream::engine
