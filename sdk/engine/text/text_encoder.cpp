#include "sdk/engine/text/text_encoder.hpp"

#include <ATen/ops/embedding.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace dream::engine {
namespace {

// [tokens, tokens], true where the row's token sees the column's.
at::Tensor causal_mask(const std::vector<bool>& seen, const at::Device& device) {
  const auto tokens = std::ssize(seen);
  auto mask = at::ones({tokens, tokens}, at::kBool).tril_();
  for (std::int64_t i = 0; i < tokens; ++i)
    if (!seen[static_cast<std::size_t>(i)]) mask.select(1, i).fill_(false);
  return mask.to(device);
}

}  // namespace

TextEncoderConfig read_text_encoder_config(Config config, const Warn& warn) {
  TextEncoderConfig text;
  text.vocab_size = config.integer("vocab_size");
  text.hidden_size = config.integer("hidden_size");
  text.intermediate_size = config.integer("intermediate_size");
  text.layers = config.integer("num_hidden_layers");
  text.heads = config.integer("num_attention_heads");
  text.max_position_embeddings = config.integer("max_position_embeddings", 77);
  text.layer_norm_eps = config.number("layer_norm_eps", 1e-5);
  text.hidden_act = activation(config, "hidden_act", "quick_gelu");
  check_clip_encoder(text, config);
  config.only("use_attention_mask", false);
  // Token ids are the tokenizer's business; the rest is about training, the pooled output or how
  // the file was written.
  config.ignore({"architectures",
                 "attention_dropout",
                 "bos_token_id",
                 "dropout",
                 "dtype",
                 "eos_token_id",
                 "initializer_factor",
                 "initializer_range",
                 "model_type",
                 "pad_token_id",
                 "projection_dim",
                 "torch_dtype",
                 "transformers_version",
                 "tie_word_embeddings",
                 "use_cache",
                 "return_dict",
                 "chunk_size_feed_forward",
                 "id2label",
                 "label2id",
                 "is_encoder_decoder",
                 "problem_type"});
  config.finish(warn);
  return text;
}

CLIPTextModel::CLIPTextModel(const TextEncoderConfig& config, const Weights& weights)
    : config_(config),
      token_embedding_(weights.tensor("text_model.embeddings.token_embedding.weight",
                                      {config.vocab_size, config.hidden_size})),
      position_embedding_(weights.tensor("text_model.embeddings.position_embedding.weight",
                                         {config.max_position_embeddings, config.hidden_size})),
      final_layer_norm_(weights.scope("text_model.final_layer_norm"), config.hidden_size,
                        config.layer_norm_eps) {
  for (std::int64_t i = 0; i < config.layers; ++i) {
    layers_.emplace_back(weights.scope(fmt::format("text_model.encoder.layers.{}", i)), config);
  }
}

CLIPTextModel CLIPTextModel::with_tokens(const at::Tensor& embeddings) const {
  auto model = *this;
  model.added_embedding_ = embeddings.to(token_embedding_.options());
  return model;
}

// [1, tokens, hidden_size]
at::Tensor CLIPTextModel::embed(const std::vector<std::int64_t>& ids) const {
  auto known = ids;
  for (auto& id : known) id = std::min(id, config_.vocab_size - 1);
  const auto device = token_embedding_.device();
  auto states = at::embedding(token_embedding_, at::tensor(known, at::kLong).to(device));
  if (!added_embedding_.defined()) return states.unsqueeze(0);
  for (std::int64_t i = 0; i < std::ssize(ids); ++i) {
    const auto added = ids[static_cast<std::size_t>(i)] - config_.vocab_size;
    if (added >= 0) states.select(0, i).copy_(added_embedding_.select(0, added));
  }
  return states.unsqueeze(0);
}

at::Tensor CLIPTextModel::forward(const std::vector<std::int64_t>& ids, int clip_skip,
                                  const std::vector<bool>& seen) const {
  if (std::ssize(ids) > config_.max_position_embeddings) {
    throw std::runtime_error(fmt::format("{} tokens, the text encoder has {} positions", ids.size(),
                                         config_.max_position_embeddings));
  }
  const auto added = added_embedding_.defined() ? added_embedding_.size(0) : 0;
  for (const auto id : ids) {
    if (id >= 0 && id < config_.vocab_size + added) continue;
    throw std::runtime_error(fmt::format(
        "token id {} lies outside the text encoder's vocabulary of {}: tokenizer and text encoder "
        "do not belong together",
        id, config_.vocab_size));
  }
  auto hidden = embed(ids) + position_embedding_.narrow(0, 0, std::ssize(ids));
  const auto mask = seen.empty() ? at::Tensor() : causal_mask(seen, hidden.device());
  const auto used = layers_.size() - static_cast<std::size_t>(clip_skip);
  for (std::size_t i = 0; i < used; ++i) {
    hidden = layers_.at(i)(std::move(hidden), CLIPAttention::causal, mask);
  }
  return final_layer_norm_(hidden);
}

}  // namespace dream::engine
