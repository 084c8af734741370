#include "sdk/engine/annotators/convnext.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sdk/engine/tensor/pretrained_keys.hpp"

namespace dream::engine {
namespace {

constexpr double norm_eps = 1e-6;

// Over the channels of [1, channels, height, width].
at::Tensor normed(const LayerNorm& norm, const at::Tensor& map) {
  return norm(map.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
}

std::string stage_name(std::size_t index) {
  return fmt::format("stage{}", index + 1);
}

// "stem" is the only other map transformers knows; nothing asks for it.
std::vector<bool> read_wanted(Config& config, std::size_t stages) {
  std::vector<bool> wanted(stages, false);
  for (const auto& name : config.texts("out_features")) {
    std::size_t index = 0;
    while (index < stages && stage_name(index) != name) ++index;
    if (index == stages) {
      config.fail("out_features",
                  fmt::format("has \"{}\": allowed are stage1 to stage{}", name, stages));
    }
    wanted[index] = true;
  }
  if (std::ranges::count(wanted, true) == 0) wanted.back() = true;
  return wanted;
}

}  // namespace

std::vector<std::int64_t> ConvNextConfig::channels() const {
  std::vector<std::int64_t> channels;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) channels.push_back(hidden_sizes[i]);
  }
  return channels;
}

ConvNextConfig read_convnext_config(Config config, const Warn& warn) {
  config.only("model_type", "convnext");
  config.only("num_channels", 3);
  ConvNextConfig backbone;
  backbone.depths = config.integers("depths");
  if (backbone.depths.empty()) backbone.depths = {3, 3, 9, 3};
  backbone.hidden_sizes = config.integers("hidden_sizes");
  if (backbone.hidden_sizes.empty()) backbone.hidden_sizes = {96, 192, 384, 768};
  const auto stages = static_cast<std::int64_t>(backbone.depths.size());
  if (std::ssize(backbone.hidden_sizes) != stages)
    config.fail("hidden_sizes", fmt::format("has {} entries, \"depths\" {}",
                                            backbone.hidden_sizes.size(), stages));
  config.only("num_stages", stages);
  backbone.patch_size = config.integer("patch_size", 4);
  if (backbone.patch_size < 1)
    config.fail("patch_size", fmt::format("is {}: allowed is 1 or more", backbone.patch_size));
  backbone.layer_scale = config.number("layer_scale_init_value", 1e-6) > 0;
  backbone.hidden_act = activation(config, "hidden_act", "gelu");
  backbone.wanted = read_wanted(config, backbone.depths.size());
  config.ignore({"drop_path_rate", "image_size", "layer_norm_eps", "out_indices", "stage_names"});
  ignore_pretrained_keys(config);
  config.finish(warn);
  return backbone;
}

ConvNextLayer::ConvNextLayer(const Weights& weights, std::int64_t channels,
                             const ConvNextConfig& config)
    : dwconv(weights.scope("dwconv"),
             {.in = channels, .out = channels, .kernel = 7, .padding = 3, .groups = channels}),
      layernorm(weights.scope("layernorm"), channels, norm_eps),
      pwconv1(weights.scope("pwconv1"), channels, 4 * channels),
      pwconv2(weights.scope("pwconv2"), 4 * channels, channels),
      act(config.hidden_act) {
  if (config.layer_scale) layer_scale = weights.tensor("layer_scale_parameter", {channels});
}

at::Tensor ConvNextLayer::operator()(const at::Tensor& x) const {
  const auto rows = layernorm(dwconv(x).permute({0, 2, 3, 1}));
  auto inner = pwconv2(apply(act, pwconv1(rows)));
  if (layer_scale.defined()) inner = layer_scale * inner;
  return x + inner.permute({0, 3, 1, 2});
}

ConvNext::ConvNext(const Weights& weights, const ConvNextConfig& config)
    : patch_embeddings(weights.scope("embeddings.patch_embeddings"),
                       {.in = 3,
                        .out = config.hidden_sizes[0],
                        .kernel = config.patch_size,
                        .stride = config.patch_size,
                        .padding = 0}),
      layernorm(weights.scope("embeddings.layernorm"), config.hidden_sizes[0], norm_eps) {
  auto in = config.hidden_sizes[0];
  for (std::size_t i = 0; i < config.depths.size(); ++i) {
    const auto out = config.hidden_sizes[i];
    const auto below = weights.scope(fmt::format("encoder.stages.{}", i));
    auto& stage = stages.emplace_back();
    if (i > 0) {
      stage.downsampling.emplace(ConvNextStage::Downsampling{
          LayerNorm(below.scope("downsampling_layer.0"), in, norm_eps),
          Convolution(below.scope("downsampling_layer.1"),
                      {.in = in, .out = out, .kernel = 2, .stride = 2, .padding = 0})});
    }
    for (std::int64_t j = 0; j < config.depths[i]; ++j)
      stage.layers.emplace_back(below.scope(fmt::format("layers.{}", j)), out, config);
    if (config.wanted[i])
      stage.out_norm.emplace(weights.scope("hidden_states_norms." + stage_name(i)), out, norm_eps);
    in = out;
  }
}

std::vector<at::Tensor> ConvNext::operator()(const at::Tensor& pixels) const {
  auto x = normed(layernorm, patch_embeddings(pixels));
  std::vector<at::Tensor> maps;
  for (const auto& stage : stages) {
    if (stage.downsampling) x = stage.downsampling->conv(normed(stage.downsampling->norm, x));
    for (const auto& layer : stage.layers) x = layer(x);
    if (stage.out_norm) maps.push_back(normed(*stage.out_norm, x));
  }
  return maps;
}

}  // namespace dream::engine
