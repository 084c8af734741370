#include "sdk/engine/models/attention.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "sdk/engine/kernels/fused.hpp"
#include "sdk/engine/kernels/packed.hpp"
#include "sdk/engine/kernels/switches.hpp"

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
      to_out(weights.scope("to_out.0"), query_dim, query_dim) {
  if (!context_dim && weights.compute().pack && is_on("qkv")) {
    to_qkv = Linear::of_rows(
        weights, "to_qkv", {"to_q.weight", "to_k.weight", "to_v.weight"}, [&] {
          const std::array square{query_dim, query_dim};
          return at::cat({weights.tensor("to_q.weight", square),
                          weights.tensor("to_k.weight", square),
                          weights.tensor("to_v.weight", square)});
        });
    return;
  }
  const auto width = context_dim.value_or(query_dim);
  to_q.emplace(weights.scope("to_q"), query_dim, query_dim, /*has_bias=*/false);
  to_k.emplace(weights.scope("to_k"), width, query_dim, false);
  to_v.emplace(weights.scope("to_v"), width, query_dim, false);
}

KeyValue Attention::keys_values(const at::Tensor& context) const {
  return {(*to_k)(context), (*to_v)(context)};
}

at::Tensor Attention::operator()(const at::Tensor& hidden_states,
                                 const at::Tensor& residual) const {
  if (to_qkv) {
    const auto all = (*to_qkv)(hidden_states).chunk(3, -1);
    return to_out.plus(attend(all[0], all[1], all[2], heads), residual);
  }
  const auto [key, value] = keys_values(hidden_states);
  return to_out.plus(attend((*to_q)(hidden_states), key, value, heads), residual);
}

at::Tensor Attention::operator()(const at::Tensor& hidden_states, TextContext& text,
                                 const at::Tensor& residual) const {
  const auto& [key, value] = text.keys_values(*this);
  return to_out.plus(attend((*to_q)(hidden_states), key, value, heads), residual);
}

TextContext::TextContext(at::Tensor states) : states_(std::move(states)) {}

const KeyValue& TextContext::keys_values(const Attention& layer) {
  for (const auto& [known, pair] : cache_)
    if (known == &layer) return pair;
  return cache_.emplace_back(&layer, layer.keys_values(states_)).second;
}

std::vector<at::Tensor> TextContext::tensors() const {
  std::vector<at::Tensor> tensors{states_};
  for (const auto& [layer, pair] : cache_) {
    tensors.push_back(pair.key);
    tensors.push_back(pair.value);
  }
  return tensors;
}

TextContext TextContext::with(at::ArrayRef<at::Tensor> tensors) const {
  TextContext context(tensors[0]);
  for (std::size_t i = 0; i < cache_.size(); ++i)
    context.cache_.emplace_back(cache_[i].first,
                                KeyValue{tensors[1 + 2 * i], tensors[2 + 2 * i]});
  return context;
}

FeedForward::FeedForward(const Weights& weights, std::int64_t dim)
    : out(weights.scope("net.2"), 4 * dim, dim) {
  const auto proj_weights = weights.scope("net.0.proj");
  if (!can_pack(weights.compute()) || !is_on("geglu")) {
    proj.emplace(proj_weights, dim, 8 * dim);
    return;
  }
  const auto both = proj_weights.tensor("bias", {8 * dim});
  const auto half = [&](const char* key, std::int64_t first) {
    return Linear::of_rows(
        proj_weights, key, {"weight"},
        [&] { return proj_weights.tensor("weight", {8 * dim, dim}).narrow(0, first, 4 * dim); },
        both.narrow(0, first, 4 * dim));
  };
  value = half("value", 0);
  gate = half("gate", 4 * dim);
}

at::Tensor FeedForward::operator()(const at::Tensor& hidden_states,
                                   const at::Tensor& residual) const {
  if (proj && !proj->adapter && has_cuda_kernels(hidden_states) && is_on("geglu")) {
    const auto both = at::matmul(hidden_states, proj->weight.t());
    return out.plus(geglu(both, proj->bias), residual);
  }
  if (proj) {
    const auto halves = (*proj)(hidden_states).chunk(2, -1);
    return out.plus(halves[0] * at::gelu(halves[1]), residual);
  }
  const auto gates = packed_linear_gelu(hidden_states, gate->weight, gate->bias);
  return out.plus(packed_linear_mul(hidden_states, value->weight, value->bias, gates), residual);
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
  hidden_states =
      only_cross_attention ? attn1(normed, text, hidden_states) : attn1(normed, hidden_states);
  hidden_states = attn2(norm2(hidden_states), text, hidden_states);
  return ff(norm3(hidden_states), hidden_states);
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

void Transformer2DModel::prepare(TextContext& text) const {
  for (const auto& block : transformer_blocks) {
    if (block.only_cross_attention) text.keys_values(block.attn1);
    text.keys_values(block.attn2);
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
  const auto residual =
      hidden_states.permute({0, 2, 3, 1}).reshape({batch, height * width, channels});
  return proj_out.plus(tokens, residual)
      .view({batch, height, width, channels})
      .permute({0, 3, 1, 2});
}

}  // namespace dream::engine
