// Attention and the transformer blocks the UNet weaves between its residual blocks. Names equal
// diffusers' models/attention.py and models/transformers/transformer_2d.py.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct KeyValue {
  at::Tensor key, value;
};

class TextContext;

// Attention of image tokens to themselves (no context_dim) or to the text.
struct Attention {
  Attention(const Weights& weights, std::int64_t query_dim, std::int64_t heads,
            std::optional<std::int64_t> context_dim);
  // [batch, tokens, query_dim] to the same shape, added to `residual`.
  at::Tensor operator()(const at::Tensor& hidden_states, const at::Tensor& residual) const;
  at::Tensor operator()(const at::Tensor& hidden_states, TextContext& text,
                        const at::Tensor& residual) const;
  KeyValue keys_values(const at::Tensor& context) const;

  std::int64_t heads;
  std::optional<Linear> to_q, to_k, to_v;
  std::optional<Linear> to_qkv;  // all three in one product, in their place
  Linear to_out;
};

// The text as one request sees it. What a cross-attention makes of the text does not depend on the
// step, so it is computed at the first and kept here: with the request, not in the shared model.
class TextContext {
 public:
  // [batch, tokens, width]
  explicit TextContext(at::Tensor states);
  const at::Tensor& states() const { return states_; }
  // Valid as long as this is.
  const KeyValue& keys_values(const Attention& layer);

  // The states, then keys and values of each layer that has asked, in the order in which they did …
  std::vector<at::Tensor> tensors() const;
  // … and the same layers with others in their place.
  TextContext with(at::ArrayRef<at::Tensor> tensors) const;

 private:
  at::Tensor states_;
  std::deque<std::pair<const Attention*, KeyValue>> cache_;  // a few dozen; places do not move
};

// GEGLU feed-forward (arXiv 2002.05202): net.0.proj widens to value and gate, net.2 narrows.
struct FeedForward {
  FeedForward(const Weights& weights, std::int64_t dim);
  // Added to `residual`.
  at::Tensor operator()(const at::Tensor& hidden_states, const at::Tensor& residual) const;

  std::optional<Linear> proj;         // both halves
  std::optional<Linear> value, gate;  // or each by itself: the gate's gelu comes with the product
  Linear out;
};

struct BasicTransformerBlock {
  BasicTransformerBlock(const Weights& weights, std::int64_t dim, std::int64_t heads,
                        std::int64_t cross_attention_dim, bool only_cross_attention);
  at::Tensor operator()(at::Tensor hidden_states, TextContext& text) const;

  bool only_cross_attention;
  LayerNorm norm1, norm2, norm3;
  Attention attn1, attn2;
  FeedForward ff;
};

struct Transformer2DModel {
  struct Shape {
    std::int64_t channels, heads, layers, cross_attention_dim, norm_num_groups;
    bool use_linear_projection, only_cross_attention;
  };
  Transformer2DModel(const Weights& weights, const Shape& shape);
  // [batch, channels, height, width] to the same shape.
  at::Tensor operator()(const at::Tensor& hidden_states, TextContext& text) const;
  // Computes what all layers make of the text now rather than when they come to it.
  void prepare(TextContext& text) const;

  GroupNorm norm;
  Linear proj_in, proj_out;  // a 1x1 convolution is a linear layer over channels
  std::vector<BasicTransformerBlock> transformer_blocks;
};

}  // namespace dream::engine
