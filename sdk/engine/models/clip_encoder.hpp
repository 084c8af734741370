// The transformer layer of CLIP, which its text encoder and its vision encoder are made of. Names
// equal transformers' models/clip/modeling_clip.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct CLIPEncoderConfig {
  std::int64_t hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0;
  double layer_norm_eps = 1e-5;
  Activation hidden_act = Activation::quick_gelu;
};

// Throws through config.fail() where the heads do not divide the width or there is no layer.
void check_clip_encoder(const CLIPEncoderConfig& encoder, const Config& config);

// What a token sees: itself and those before, or all.
enum class CLIPAttention { causal, full };

struct CLIPEncoderLayer {
  CLIPEncoderLayer(const Weights& weights, const CLIPEncoderConfig& config);
  // [batch, tokens, hidden_size] to the same shape. `mask` [tokens, tokens], where defined, stands
  // in for `attention`: true where a token sees another.
  at::Tensor operator()(at::Tensor hidden_states, CLIPAttention attention,
                        const at::Tensor& mask = {}) const;

  std::int64_t heads;
  Activation hidden_act;
  LayerNorm layer_norm1;
  Linear q_proj, k_proj, v_proj, out_proj;
  LayerNorm layer_norm2;
  Linear fc1, fc2;
};

}  // namespace dream::engine
