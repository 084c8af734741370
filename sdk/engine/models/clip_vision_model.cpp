#include "sdk/engine/models/clip_vision_model.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <fmt/format.h>

#include <utility>

namespace dream::engine {
namespace {

// Settings of text generation and training that transformers 4 wrote into every config.
void ignore_foreign_keys(Config& config) {
  config.ignore({"add_cross_attention", "bad_words_ids", "begin_suppress_tokens", "bos_token_id",
                 "chunk_size_feed_forward", "cross_attention_hidden_size", "decoder_start_token_id",
                 "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
                 "eos_token_id", "exponential_decay_length_penalty", "finetuning_task",
                 "forced_bos_token_id", "forced_eos_token_id", "is_decoder", "is_encoder_decoder",
                 "length_penalty", "max_length", "min_length", "no_repeat_ngram_size",
                 "num_beam_groups", "num_beams", "num_return_sequences", "output_attentions",
                 "output_hidden_states", "output_scores", "pad_token_id", "prefix",
                 "problem_type", "pruned_heads", "remove_invalid_values", "repetition_penalty",
                 "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
                 "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
                 "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torchscript",
                 "typical_p", "use_bfloat16"});
  config.ignore({"architectures", "attention_dropout", "dropout", "dtype", "id2label",
                 "initializer_factor", "initializer_range", "label2id", "model_type",
                 "projection_dim", "torch_dtype", "transformers_version"});
}

}  // namespace

VisionEncoderConfig read_vision_encoder_config(Config config, const Warn& warn) {
  VisionEncoderConfig vision;
  vision.hidden_size = config.integer("hidden_size", 768);
  vision.intermediate_size = config.integer("intermediate_size", 3072);
  vision.layers = config.integer("num_hidden_layers", 12);
  vision.heads = config.integer("num_attention_heads", 12);
  vision.channels = config.integer("num_channels", 3);
  vision.image_size = config.integer("image_size", 224);
  vision.patch_size = config.integer("patch_size", 32);
  vision.layer_norm_eps = config.number("layer_norm_eps", 1e-5);
  vision.hidden_act = activation(config, "hidden_act", "quick_gelu");
  check_clip_encoder(vision, config);
  if (vision.patch_size < 1 || vision.image_size < vision.patch_size) {
    config.fail("patch_size", fmt::format("is {}: allowed are 1 to the image_size {}",
                                          vision.patch_size, vision.image_size));
  }
  config.only("num_channels", 3);
  ignore_foreign_keys(config);
  config.finish(warn);
  return vision;
}

CLIPVisionModel::CLIPVisionModel(const VisionEncoderConfig& config, const Weights& weights)
    : config_(config),
      class_embedding_(weights.tensor("embeddings.class_embedding", {config.hidden_size})),
      patch_embedding_(
          weights.tensor("embeddings.patch_embedding.weight",
                         {config.hidden_size, config.channels, config.patch_size,
                          config.patch_size})),
      position_embedding_(weights.tensor("embeddings.position_embedding.weight",
                                         {config.patches() + 1, config.hidden_size})),
      pre_layrnorm_(weights.scope("pre_layrnorm"), config.hidden_size, config.layer_norm_eps),
      post_layernorm_(weights.scope("post_layernorm"), config.hidden_size, config.layer_norm_eps) {
  for (std::int64_t i = 0; i < config.layers; ++i) {
    layers_.emplace_back(weights.scope(fmt::format("encoder.layers.{}", i)), config);
  }
}

at::Tensor CLIPVisionModel::forward(const at::Tensor& pixel_values) const {
  return post_layernorm_(last_hidden_state(pixel_values).select(1, 0));
}

at::Tensor CLIPVisionModel::last_hidden_state(const at::Tensor& pixel_values) const {
  const auto patches =
      at::conv2d(pixel_values, patch_embedding_, {}, config_.patch_size).flatten(2).transpose(1, 2);
  const auto class_token = class_embedding_.expand({patches.size(0), 1, config_.hidden_size});
  auto hidden = pre_layrnorm_(at::cat({class_token, patches}, 1) + position_embedding_);
  for (const auto& layer : layers_) hidden = layer(std::move(hidden), CLIPAttention::full);
  return hidden;
}

}  // namespace dream::engine
