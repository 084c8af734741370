#include "sdk/engine/models/clip_vision_model.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <fmt/format.h>

#include <utility>

#include "sdk/engine/tensor/pretrained_keys.hpp"

namespace dream::engine {

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
  config.ignore({"attention_dropout", "dropout", "initializer_factor", "projection_dim"});
  ignore_pretrained_keys(config);
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
