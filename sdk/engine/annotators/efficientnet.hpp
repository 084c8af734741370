// EfficientNet-B5 (arXiv 1905.11946) as an encoder: what its stages see, down to a 32nd of the
// picture. Padded and normalised as TensorFlow does it, for there it was trained. Names equal
// timm's tf_efficientnet_b5_ap.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/annotators/layers.hpp"

namespace dream::engine {

// Weighs the channels by what they are on average ("Squeeze-and-Excitation", arXiv 1709.01507).
struct SqueezeExcite {
  SqueezeExcite(const Weights& weights, std::int64_t channels, std::int64_t reduced);
  at::Tensor operator()(const at::Tensor& x) const;

  Convolution conv_reduce, conv_expand;
};

// Widen, look around channel by channel, weigh, narrow. The blocks of the first stage do not widen,
// and their layers have other names.
struct InvertedResidual {
  struct Shape {
    std::int64_t in, out, kernel, stride, expansion;
  };
  InvertedResidual(const Weights& weights, const Shape& shape);
  at::Tensor operator()(const at::Tensor& x) const;

  bool residual;
  std::optional<Convolution> expand;
  Convolution depthwise;
  SqueezeExcite se;
  Convolution project;
};

struct EfficientNetB5 {
  // Of what is handed out, in this order: a 2nd, a 4th, an 8th, a 16th and a 32nd of the size,
  // rounded up.
  static constexpr std::int64_t channels[] = {24, 40, 64, 176, 2048};

  explicit EfficientNetB5(const Weights& weights);
  // [1, 3, H, W] to five maps. The last is the head's convolution, before norm and activation.
  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const;

  Convolution stem;
  std::vector<std::vector<InvertedResidual>> stages;
  Convolution head;
};

}  // namespace dream::engine
