// CLIP's text encoder: token ids to the states the UNet attends to. Serves SD 1.x (quick_gelu,
// OpenAI CLIP-L) and SD 2.x (gelu, OpenCLIP-H without its last layer). Names equal transformers'
// CLIPTextModel with the `text_model.` prefix of published files.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct TextEncoderConfig {
  std::int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  std::int64_t layers = 0, heads = 0, max_position_embeddings = 77;
  double layer_norm_eps = 1e-5;
  Activation hidden_act = Activation::quick_gelu;
};

// Throws std::runtime_error naming file and key for values that are not supported.
TextEncoderConfig read_text_encoder_config(Config config, const Warn& warn);

struct CLIPEncoderLayer {
  CLIPEncoderLayer(const Weights& weights, const TextEncoderConfig& config);
  // `mask` [tokens, tokens]: true where a token sees another; undefined: itself and those before.
  at::Tensor operator()(at::Tensor hidden_states, const at::Tensor& mask) const;

  std::int64_t heads;
  Activation hidden_act;
  LayerNorm layer_norm1;
  Linear q_proj, k_proj, v_proj, out_proj;
  LayerNorm layer_norm2;
  Linear fc1, fc2;
};

class CLIPTextModel {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  CLIPTextModel(const TextEncoderConfig& config, const Weights& weights);

  // Token ids to [1, tokens, hidden_size]: the states after all layers but the last `clip_skip`
  // (0 .. layers - 1), then the final norm. Throws std::runtime_error for an id outside the
  // vocabulary or more ids than positions. `seen`, where not empty, is as long as `ids`: the tokens
  // that are not seen keep their place, but no token attends to them.
  at::Tensor forward(const std::vector<std::int64_t>& ids, int clip_skip,
                     const std::vector<bool>& seen = {}) const;

  const TextEncoderConfig& config() const { return config_; }

 private:
  TextEncoderConfig config_;
  at::Tensor token_embedding_, position_embedding_;
  std::vector<CLIPEncoderLayer> layers_;
  LayerNorm final_layer_norm_;
};

}  // namespace dream::engine
