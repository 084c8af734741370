#include "sdk/engine/models/clip_encoder.hpp"

#include <ATen/ops/scaled_dot_product_attention.h>
#include <fmt/format.h>

namespace dream::engine {
namespace {

at::Tensor attend_masked(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         std::int64_t heads, const at::Tensor& mask) {
  const auto split = [heads](const at::Tensor& x) {
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(split(query), split(key), split(value), mask)
      .transpose(1, 2)
      .reshape(query.sizes());
}

}  // namespace

void check_clip_encoder(const CLIPEncoderConfig& encoder, const Config& config) {
  if (encoder.heads < 1 || encoder.hidden_size % encoder.heads != 0) {
    config.fail("num_attention_heads", fmt::format("is {}, which does not divide hidden_size {}",
                                                   encoder.heads, encoder.hidden_size));
  }
  if (encoder.layers < 1) config.fail("num_hidden_layers", fmt::format("is {}", encoder.layers));
}

CLIPEncoderLayer::CLIPEncoderLayer(const Weights& weights, const CLIPEncoderConfig& config)
    : heads(config.heads),
      hidden_act(config.hidden_act),
      layer_norm1(weights.scope("layer_norm1"), config.hidden_size, config.layer_norm_eps),
      q_proj(weights.scope("self_attn.q_proj"), config.hidden_size, config.hidden_size),
      k_proj(weights.scope("self_attn.k_proj"), config.hidden_size, config.hidden_size),
      v_proj(weights.scope("self_attn.v_proj"), config.hidden_size, config.hidden_size),
      out_proj(weights.scope("self_attn.out_proj"), config.hidden_size, config.hidden_size),
      layer_norm2(weights.scope("layer_norm2"), config.hidden_size, config.layer_norm_eps),
      fc1(weights.scope("mlp.fc1"), config.hidden_size, config.intermediate_size),
      fc2(weights.scope("mlp.fc2"), config.intermediate_size, config.hidden_size) {}

at::Tensor CLIPEncoderLayer::operator()(at::Tensor hidden_states, CLIPAttention attention,
                                        const at::Tensor& mask) const {
  const auto normed = layer_norm1(hidden_states);
  const auto query = q_proj(normed), key = k_proj(normed), value = v_proj(normed);
  const auto attended = mask.defined()
                            ? attend_masked(query, key, value, heads, mask)
                            : attend(query, key, value, heads, attention == CLIPAttention::causal);
  hidden_states = hidden_states + out_proj(attended);
  return hidden_states + fc2(apply(hidden_act, fc1(layer_norm2(hidden_states))));
}

}  // namespace dream::engine
