// CLIP's text encoder: token ids to the states the UNet attends to. Serves SD 1.x (quick_gelu,
// OpenAI CLIP-L) and SD 2.x (gelu, OpenCLIP-H without its last layer). Names equal transformers'
// CLIPTextModel with the `text_model.` prefix of published files.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "sdk/engine/models/clip_encoder.hpp"

namespace dream::engine {

struct TextEncoderConfig : CLIPEncoderConfig {
  std::int64_t vocab_size = 0, max_position_embeddings = 77;
};

// Throws std::runtime_error naming file and key for values that are not supported.
TextEncoderConfig read_text_encoder_config(Config config, const Warn& warn);

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

  // This model with further tokens, whose ids follow the vocabulary's: one row of `embeddings`
  // [count, hidden_size] each. Shares everything else.
  CLIPTextModel with_tokens(const at::Tensor& embeddings) const;

  const TextEncoderConfig& config() const { return config_; }

 private:
  TextEncoderConfig config_;
  at::Tensor embed(const std::vector<std::int64_t>& ids) const;

  at::Tensor token_embedding_, position_embedding_;
  at::Tensor added_embedding_;  // undefined without added tokens
  std::vector<CLIPEncoderLayer> layers_;
  LayerNorm final_layer_norm_;
};

}  // namespace dream::engine
