// ConvNeXt (arXiv 2201.03545) as the backbone of a network that looks at maps of several sizes.
// Names equal transformers' ConvNextBackbone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/tensor/config.hpp"
#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct ConvNextConfig {
  std::vector<std::int64_t> depths, hidden_sizes;  // of each stage
  std::int64_t patch_size = 4;
  std::vector<bool> wanted;  // whether a stage's map is handed out
  bool layer_scale = true;
  Activation hidden_act = Activation::gelu;

  std::vector<std::int64_t> channels() const;  // of the maps that are handed out
};

// Absent keys have transformers' defaults. Throws std::runtime_error naming file and key.
ConvNextConfig read_convnext_config(Config config, const Warn& warn);

struct ConvNextLayer {
  ConvNextLayer(const Weights& weights, std::int64_t channels, const ConvNextConfig& config);
  at::Tensor operator()(const at::Tensor& x) const;

  Convolution dwconv;
  LayerNorm layernorm;
  Linear pwconv1, pwconv2;
  at::Tensor layer_scale;  // undefined when there is none
  Activation act;
};

struct ConvNextStage {
  struct Downsampling {
    LayerNorm norm;
    Convolution conv;
  };
  std::optional<Downsampling> downsampling;  // none in the first
  std::vector<ConvNextLayer> layers;
  std::optional<LayerNorm> out_norm;  // of the map that is handed out
};

struct ConvNext {
  ConvNext(const Weights& weights, const ConvNextConfig& config);
  // [1, 3, H, W], no side shorter than one pixel of the last map, to the wanted maps.
  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const;

  Convolution patch_embeddings;
  LayerNorm layernorm;
  std::vector<ConvNextStage> stages;
};

}  // namespace dream::engine
