// The style adapter of T2I-Adapter: turns what CLIP sees in a picture into words of the prompt.
// Names and layout as in TencentARC/T2I-Adapter (StyleAdapter of ldm/modules/encoders/adapter.py).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

class StyleAdapter {
 public:
  // All sizes come from the shapes; heads of 128 channels as published. Throws std::runtime_error
  // naming tensor and shapes where the weights do not fit.
  explicit StyleAdapter(const Weights& weights);

  // CLIP's hidden states [1, patches + 1, width] to tokens [1, tokens, context_dim], in the
  // weights' precision.
  at::Tensor forward(const at::Tensor& hidden_states) const;

  std::int64_t width() const { return width_; }
  std::int64_t context_dim() const { return context_dim_; }

 private:
  struct Block {
    Block(const Weights& weights, std::int64_t width);
    at::Tensor operator()(const at::Tensor& hidden_states, std::int64_t heads) const;

    LayerNorm ln_1;
    Linear qkv, out_proj;
    LayerNorm ln_2;
    Linear c_fc, c_proj;
  };

  std::int64_t width_ = 0, context_dim_ = 0, tokens_ = 0, heads_ = 1;
  at::Tensor style_embedding_;
  std::vector<Block> transformer_layes_;  // spelled as in the files
  LayerNorm ln_pre_, ln_post_;
  Linear proj_;
};

}  // namespace dream::engine
