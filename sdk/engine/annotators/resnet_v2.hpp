// The convolutional half of a hybrid vision transformer: BiT's ResNet-50 ("Big Transfer",
// arXiv 1912.11370) without its last stage, in the form that is not pre-activated. Kernels are
// standardised, norms are group norms. Names equal timm's ResNetV2 of vit_base_resnet50_384.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

// A standardised convolution and the group norm behind it.
struct StandardizedConvolution {
  StandardizedConvolution(const Weights& conv, const Weights& norm, std::int64_t in,
                          std::int64_t out, std::int64_t kernel, std::int64_t stride);
  at::Tensor operator()(const at::Tensor& x) const;

  Convolution conv;
  GroupNorm norm;
};

// Narrow, look around, widen; the stride is on the middle one.
struct ResNetBottleneck {
  ResNetBottleneck(const Weights& weights, std::int64_t in, std::int64_t out, std::int64_t stride);
  at::Tensor operator()(const at::Tensor& x) const;

  StandardizedConvolution conv1, conv2, conv3;
  std::optional<StandardizedConvolution> downsample;  // of the first block of a stage
};

struct ResNetV2 {
  static constexpr std::int64_t channels = 1024;  // of the last stage

  explicit ResNetV2(const Weights& weights);
  // [1, 3, H, W] to what each stage makes of it: 256, 512 and 1024 channels at a 4th, an 8th and a
  // 16th of the size, rounded up.
  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const;

  StandardizedConvolution stem;
  std::vector<std::vector<ResNetBottleneck>> stages;
};

}  // namespace dream::engine
