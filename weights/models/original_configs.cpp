#include "weights/models/original_configs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "weights/models/architectures.hpp"
#include "weights/models/original_names.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

constexpr int most_levels = 16;
constexpr std::int64_t head_channels = 64;
// Version 2 draws from its text encoder's last but one layer; published folders leave the last out.
constexpr std::int64_t most_open_clip_layers = 23;

class Shapes {
 public:
  Shapes(const WeightMap& tensors, std::string_view prefix, const std::string& file)
      : tensors_(tensors), prefix_(prefix), file_(file) {}

  bool has(const std::string& name) const { return tensors_.contains(prefix_ + name); }
  const std::vector<std::int64_t>& shape(const std::string& name) const {
    const auto found = tensors_.find(prefix_ + name);
    if (found == tensors_.end())
      throw Error(fmt::format("{}: lacks '{}{}', which every Stable Diffusion checkpoint has",
                              file_, prefix_, name));
    return found->second.shape;
  }
  std::int64_t size(const std::string& name, std::size_t dimension) const {
    const auto& sizes = shape(name);
    if (dimension >= sizes.size() || sizes[dimension] < 1)
      throw Error(fmt::format("{}: '{}{}' has {} dimensions, or an empty one", file_, prefix_, name,
                              sizes.size()));
    return sizes[dimension];
  }
  // How many of {start}0, {start}1, … have `rest`.
  int count(const std::string& start, const std::string& rest) const {
    int found = 0;
    while (has(fmt::format("{}{}{}", start, found, rest))) ++found;
    return found;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", file_, what));
  }

 private:
  const WeightMap& tensors_;
  std::string prefix_;
  const std::string& file_;
};

json heads_of(const std::vector<std::int64_t>& channels) {
  json heads = json::array();
  for (const std::int64_t width : channels) heads.push_back(std::max<std::int64_t>(
      1, width / head_channels));
  return heads;
}

struct Levels {
  std::vector<std::int64_t> channels;
  std::vector<bool> attention;
};

// Input blocks are the levels' layers one after another, each level but the last ended by a
// convolution that halves the sides. Fills in what the encoders of UNets and ControlNets have.
Levels read_levels(const Shapes& unet, json& config) {
  Levels levels;
  auto& [channels, attention] = levels;
  std::int64_t layers = 0;
  std::int64_t layers_here = 0;
  std::string text_layer;
  for (int i = 1;; ++i) {
    const std::string block = fmt::format("input_blocks.{}", i);
    const bool ends_level = unet.has(block + ".0.op.weight");
    const bool is_layer = unet.has(block + ".0.in_layers.0.weight");
    if (is_layer) {
      if (layers_here++ == 0) {
        channels.push_back(unet.size(block + ".0.out_layers.3.weight", 0));
        attention.push_back(unet.has(block + ".1.norm.weight"));
        if (attention.back()) text_layer = block + ".1";
      }
      continue;
    }
    if (layers != 0 && layers_here != layers)
      unet.fail(fmt::format("level {} of its UNet has {} layers, the first has {}",
                            channels.size(), layers_here, layers));
    layers = layers_here;
    layers_here = 0;
    if (!ends_level) break;
  }
  if (channels.empty() || channels.size() > most_levels || text_layer.empty())
    unet.fail("its UNet has no layers, or none that sees the text");
  config["block_out_channels"] = channels;
  config["layers_per_block"] = layers;
  config["in_channels"] = unet.size("input_blocks.0.0.weight", 1);
  config["cross_attention_dim"] =
      unet.size(text_layer + ".transformer_blocks.0.attn2.to_k.weight", 1);
  config["use_linear_projection"] = unet.shape(text_layer + ".proj_in.weight").size() == 2;
  json down = json::array();
  for (const bool attends : attention) down.push_back(attends ? "CrossAttnDownBlock2D"
                                                              : "DownBlock2D");
  config["down_block_types"] = down;
  return levels;
}

json unet_config(const Shapes& unet, json config, bool version_2) {
  const auto [channels, attention] = read_levels(unet, config);
  config["out_channels"] = unet.size("out.2.weight", 0);
  if (version_2) config["attention_head_dim"] = heads_of(channels);
  json up = json::array();
  for (std::size_t i = attention.size(); i-- > 0;)
    up.push_back(attention[i] ? "CrossAttnUpBlock2D" : "UpBlock2D");
  config["up_block_types"] = up;
  if (unet.has("time_embed.cond_proj.weight"))
    config["time_cond_proj_dim"] = unet.size("time_embed.cond_proj.weight", 1);
  return config;
}

json vae_config(const Shapes& vae, json config) {
  const int levels = vae.count("encoder.down.", ".block.0.conv1.weight");
  if (levels == 0 || levels > most_levels) vae.fail("holds no VAE: its encoder has no levels");
  json channels = json::array();
  for (int i = 0; i < levels; ++i)
    channels.push_back(vae.size(fmt::format("encoder.down.{}.block.0.conv1.weight", i), 0));
  config["block_out_channels"] = channels;
  config["layers_per_block"] = vae.count("encoder.down.0.block.", ".conv1.weight");
  config["latent_channels"] = vae.size("decoder.conv_in.weight", 1);
  config["in_channels"] = vae.size("encoder.conv_in.weight", 1);
  config["out_channels"] = vae.size("decoder.conv_out.weight", 0);
  config["down_block_types"] = std::vector<std::string>(levels, "DownEncoderBlock2D");
  config["up_block_types"] = std::vector<std::string>(levels, "UpDecoderBlock2D");
  return config;
}

void set_text_sizes(json& config, std::int64_t width, std::int64_t inner, std::int64_t layers) {
  config["hidden_size"] = width;
  config["projection_dim"] = width;
  config["intermediate_size"] = inner;
  config["num_hidden_layers"] = layers;
  config["num_attention_heads"] = std::max<std::int64_t>(1, width / head_channels);
}

json clip_config(const Shapes& text, json config) {
  // Some writers leave out the middle of the name.
  const std::string top = text.has("text_model.final_layer_norm.weight") ? "text_model." : "";
  const std::string tokens = top + "embeddings.token_embedding.weight";
  const int layers = text.count(top + "encoder.layers.", ".mlp.fc1.weight");
  if (layers == 0) text.fail("its text encoder has no layers");
  set_text_sizes(config, text.size(tokens, 1),
                 text.size(top + "encoder.layers.0.mlp.fc1.weight", 0), layers);
  config["vocab_size"] = text.size(tokens, 0);
  config["max_position_embeddings"] = text.size(top + "embeddings.position_embedding.weight", 0);
  return config;
}

json open_clip_config(const Shapes& text, json config) {
  const int layers = text.count("transformer.resblocks.", ".mlp.c_fc.weight");
  if (layers == 0) text.fail("its text encoder has no layers");
  set_text_sizes(config, text.size("token_embedding.weight", 1),
                 text.size("transformer.resblocks.0.mlp.c_fc.weight", 0),
                 std::min<std::int64_t>(layers, most_open_clip_layers));
  config["vocab_size"] = text.size("token_embedding.weight", 0);
  config["max_position_embeddings"] = text.size("positional_embedding", 0);
  return config;
}

}  // namespace

OriginalConfigs read_original_configs(const WeightMap& tensors, const std::string& file) {
  const Shapes unet(tensors, original_unet_prefix, file);
  if (unet.has("label_emb.0.0.weight"))
    unet.fail("is a Stable Diffusion XL checkpoint; supported are versions 1.x and 2.x");
  OriginalConfigs configs;
  const Shapes open_clip(tensors, original_open_clip_prefix, file);
  configs.version_2 = open_clip.has("token_embedding.weight");
  const Architecture family = find_architecture(configs.version_2 ? "sd21" : "sd15");
  const auto known = [&](std::string_view name) {
    return std::ranges::find(family.components, name, &ArchitectureComponent::name)->config;
  };
  configs.unet = unet_config(unet, known("unet"), configs.version_2);
  configs.unet.erase("sample_size");
  configs.vae = vae_config({tensors, original_vae_prefix, file}, known("vae"));
  configs.text_encoder =
      configs.version_2
          ? open_clip_config(open_clip, known("text_encoder"))
          : clip_config({tensors, original_clip_prefix, file}, known("text_encoder"));
  configs.inpainting = configs.unet["in_channels"] != configs.unet["out_channels"];
  return configs;
}

json read_original_controlnet_config(const WeightMap& tensors, std::string_view prefix,
                                     const std::string& file) {
  const Shapes net(tensors, prefix, file);
  json config = find_architecture("controlnet").components.front().config;
  const auto levels = read_levels(net, config);
  if (config["use_linear_projection"]) config["attention_head_dim"] = heads_of(levels.channels);
  config["conditioning_channels"] = net.size("input_hint_block.0.weight", 1);
  json widths = json::array();
  // Every second layer of the hint's network is an activation, every second convolution widens.
  for (int i = 0; net.has(fmt::format("input_hint_block.{}.weight", i + 2)); i += 4)
    widths.push_back(net.size(fmt::format("input_hint_block.{}.weight", i), 0));
  config["conditioning_embedding_out_channels"] = widths;
  return config;
}

}  // namespace dream::weights
