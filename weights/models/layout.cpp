#include "weights/models/layout.hpp"

#include <fmt/core.h>

#include "weights/models/layout_builder.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

struct UNetShape {
  std::vector<std::int64_t> channels;
  std::vector<bool> down_attention;
  std::vector<bool> up_attention;
  std::int64_t layers = 0;
  std::int64_t text_width = 0;
  std::int64_t time_width = 0;
  bool linear_projection = false;
};

std::vector<bool> attention_of(const json& config, const char* key, const char* plain,
                               const char* attending, std::size_t count) {
  std::vector<bool> result;
  for (const std::string& name : config_names(config, key)) {
    if (name != plain && name != attending)
      throw Error(fmt::format("config.json: \"{}\" names '{}', known are {} and {}", key, name,
                              plain, attending));
    result.push_back(name == attending);
  }
  if (result.size() != count)
    throw Error(fmt::format("config.json: \"{}\" has {} entries, \"block_out_channels\" has {}",
                            key, result.size(), count));
  return result;
}

UNetShape read_unet(const json& config) {
  UNetShape shape;
  shape.channels = config_integers(config, "block_out_channels");
  shape.down_attention = attention_of(config, "down_block_types", "DownBlock2D",
                                      "CrossAttnDownBlock2D", shape.channels.size());
  shape.layers = config_integer(config, "layers_per_block", 2);
  shape.text_width = config_integer(config, "cross_attention_dim", 1280);
  shape.time_width = 4 * shape.channels.front();
  shape.linear_projection = config_flag(config, "use_linear_projection");
  return shape;
}

void add_head(LayoutBuilder& model, const UNetShape& shape, std::int64_t in_channels) {
  const std::int64_t first = shape.channels.front();
  model.conv("conv_in", in_channels, first, 3);
  model.linear("time_embedding.linear_1", first, shape.time_width);
  model.linear("time_embedding.linear_2", shape.time_width, shape.time_width);
}

void add_down_and_mid(LayoutBuilder& model, const UNetShape& shape) {
  std::int64_t width = shape.channels.front();
  for (std::size_t i = 0; i < shape.channels.size(); ++i) {
    const std::string block = fmt::format("down_blocks.{}", i);
    const std::int64_t out = shape.channels[i];
    for (std::int64_t j = 0; j < shape.layers; ++j) {
      model.resnet(fmt::format("{}.resnets.{}", block, j), width, out, shape.time_width);
      if (shape.down_attention[i])
        model.transformer(fmt::format("{}.attentions.{}", block, j), out, shape.text_width,
                          shape.linear_projection);
      width = out;
    }
    if (i + 1 < shape.channels.size()) model.conv(block + ".downsamplers.0.conv", out, out, 3);
  }
  model.resnet("mid_block.resnets.0", width, width, shape.time_width);
  model.transformer("mid_block.attentions.0", width, shape.text_width, shape.linear_projection);
  model.resnet("mid_block.resnets.1", width, width, shape.time_width);
}

void add_up(LayoutBuilder& model, const UNetShape& shape) {
  const std::size_t count = shape.channels.size();
  std::int64_t width = shape.channels.back();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string block = fmt::format("up_blocks.{}", i);
    const std::int64_t out = shape.channels[count - 1 - i];
    const std::int64_t next = shape.channels[i + 1 < count ? count - 2 - i : 0];
    for (std::int64_t j = 0; j <= shape.layers; ++j) {
      const std::int64_t skip = j == shape.layers ? next : out;
      model.resnet(fmt::format("{}.resnets.{}", block, j), width + skip, out, shape.time_width);
      if (shape.up_attention[i])
        model.transformer(fmt::format("{}.attentions.{}", block, j), out, shape.text_width,
                          shape.linear_projection);
      width = out;
    }
    if (i + 1 < count) model.conv(block + ".upsamplers.0.conv", out, out, 3);
  }
}

void add_vae_mid(LayoutBuilder& model, const std::string& side, std::int64_t width) {
  model.resnet(side + ".mid_block.resnets.0", width, width, 0);
  model.self_attention(side + ".mid_block.attentions.0", width);
  model.resnet(side + ".mid_block.resnets.1", width, width, 0);
}

}  // namespace

std::vector<TensorShape> unet_layout(const json& config) {
  UNetShape shape = read_unet(config);
  shape.up_attention = attention_of(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D",
                                    shape.channels.size());
  LayoutBuilder model;
  add_head(model, shape, config_integer(config, "in_channels", 4));
  add_down_and_mid(model, shape);
  add_up(model, shape);
  model.norm("conv_norm_out", shape.channels.front());
  model.conv("conv_out", shape.channels.front(), config_integer(config, "out_channels", 4), 3);
  return model.take();
}

std::vector<TensorShape> controlnet_layout(const json& config) {
  const UNetShape shape = read_unet(config);
  LayoutBuilder model;
  add_head(model, shape, config_integer(config, "in_channels", 4));
  const std::vector<std::int64_t> hint =
      config_integers(config, "conditioning_embedding_out_channels");
  const std::string embedding = "controlnet_cond_embedding";
  model.conv(embedding + ".conv_in", config_integer(config, "conditioning_channels", 3),
             hint.front(), 3);
  for (std::size_t i = 0; i + 1 < hint.size(); ++i) {
    model.conv(fmt::format("{}.blocks.{}", embedding, 2 * i), hint[i], hint[i], 3);
    model.conv(fmt::format("{}.blocks.{}", embedding, 2 * i + 1), hint[i], hint[i + 1], 3);
  }
  model.conv(embedding + ".conv_out", hint.back(), shape.channels.front(), 3);
  add_down_and_mid(model, shape);
  std::vector<std::int64_t> skips{shape.channels.front()};
  for (std::size_t i = 0; i < shape.channels.size(); ++i) {
    const bool last = i + 1 == shape.channels.size();
    skips.insert(skips.end(), static_cast<std::size_t>(shape.layers + (last ? 0 : 1)),
                 shape.channels[i]);
  }
  for (std::size_t i = 0; i < skips.size(); ++i)
    model.conv(fmt::format("controlnet_down_blocks.{}", i), skips[i], skips[i], 1);
  model.conv("controlnet_mid_block", skips.back(), skips.back(), 1);
  return model.take();
}

std::vector<TensorShape> autoencoder_layout(const json& config) {
  const std::vector<std::int64_t> channels = config_integers(config, "block_out_channels");
  const std::int64_t layers = config_integer(config, "layers_per_block", 1);
  const std::int64_t latent = config_integer(config, "latent_channels", 4);
  LayoutBuilder model;
  model.conv("encoder.conv_in", config_integer(config, "in_channels", 3), channels.front(), 3);
  std::int64_t width = channels.front();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::string block = fmt::format("encoder.down_blocks.{}", i);
    for (std::int64_t j = 0; j < layers; ++j) {
      model.resnet(fmt::format("{}.resnets.{}", block, j), width, channels[i], 0);
      width = channels[i];
    }
    if (i + 1 < channels.size()) model.conv(block + ".downsamplers.0.conv", width, width, 3);
  }
  add_vae_mid(model, "encoder", width);
  model.norm("encoder.conv_norm_out", width);
  model.conv("encoder.conv_out", width, 2 * latent, 3);
  model.conv("decoder.conv_in", latent, width, 3);
  add_vae_mid(model, "decoder", width);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::string block = fmt::format("decoder.up_blocks.{}", i);
    const std::int64_t out = channels[channels.size() - 1 - i];
    for (std::int64_t j = 0; j <= layers; ++j) {
      model.resnet(fmt::format("{}.resnets.{}", block, j), width, out, 0);
      width = out;
    }
    if (i + 1 < channels.size()) model.conv(block + ".upsamplers.0.conv", width, width, 3);
  }
  model.norm("decoder.conv_norm_out", width);
  model.conv("decoder.conv_out", width, config_integer(config, "out_channels", 3), 3);
  model.conv("quant_conv", 2 * latent, 2 * latent, 1);
  model.conv("post_quant_conv", latent, latent, 1);
  return model.take();
}

std::vector<TensorShape> text_encoder_layout(const json& config) {
  const std::int64_t width = config_integer(config, "hidden_size");
  const std::int64_t inner = config_integer(config, "intermediate_size");
  LayoutBuilder model;
  model.table("text_model.embeddings.token_embedding", config_integer(config, "vocab_size"), width);
  model.table("text_model.embeddings.position_embedding",
              config_integer(config, "max_position_embeddings", 77), width);
  for (std::int64_t i = 0; i < config_integer(config, "num_hidden_layers"); ++i)
    model.clip_layer(fmt::format("text_model.encoder.layers.{}", i), width, inner);
  model.norm("text_model.final_layer_norm", width);
  return model.take();
}

std::vector<TensorShape> safety_checker_layout(const json& config) {
  // Where both are set, transformers takes the older one.
  const auto given = config.find("vision_config_dict");
  const bool older = given != config.end() && !given->is_null();
  const char* key = older ? "vision_config_dict" : "vision_config";
  if (!config.contains(key) || !config[key].is_object())
    throw Error(fmt::format("config.json: \"{}\" is missing or no object", key));
  const json& vision = config[key];
  const std::int64_t width = config_integer(vision, "hidden_size", 768);
  const std::int64_t patch = config_integer(vision, "patch_size", 32);
  const std::int64_t side = config_integer(vision, "image_size", 224) / patch;
  const std::int64_t out = config_integer(config, "projection_dim", 512);
  const std::string prefix = "vision_model.vision_model";
  LayoutBuilder model;
  model.tensor(prefix + ".embeddings.class_embedding", {width});
  model.tensor(prefix + ".embeddings.patch_embedding.weight",
               {width, config_integer(vision, "num_channels", 3), patch, patch});
  model.table(prefix + ".embeddings.position_embedding", side * side + 1, width);
  model.norm(prefix + ".pre_layrnorm", width);
  for (std::int64_t i = 0; i < config_integer(vision, "num_hidden_layers", 12); ++i)
    model.clip_layer(fmt::format("{}.encoder.layers.{}", prefix, i), width,
                     config_integer(vision, "intermediate_size", 3072));
  model.norm(prefix + ".post_layernorm", width);
  model.linear("visual_projection", width, out, false);
  model.tensor("concept_embeds", {17, out});
  model.tensor("special_care_embeds", {3, out});
  model.tensor("concept_embeds_weights", {17});
  model.tensor("special_care_embeds_weights", {3});
  return model.take();
}

std::vector<TensorShape> layout_of(const std::string& class_name, const json& config) {
  if (class_name == "UNet2DConditionModel") return unet_layout(config);
  if (class_name == "ControlNetModel") return controlnet_layout(config);
  if (class_name == "T2IAdapter") return t2i_adapter_layout(config);
  if (class_name == "AutoencoderKL") return autoencoder_layout(config);
  if (class_name == "CLIPTextModel") return text_encoder_layout(config);
  if (class_name == "StableDiffusionSafetyChecker") return safety_checker_layout(config);
  throw Error(fmt::format("the tensors of a {} are not known", class_name));
}

}  // namespace dream::weights
