// Convolutions in the variety that annotator networks use and diffusion models do not: dilated,
// grouped, without a bias, with a batch norm behind them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

// NCHW, square kernel.
struct Convolution {
  struct Shape {
    std::int64_t in, out, kernel = 3, stride = 1, padding = 1, dilation = 1, groups = 1;
    bool bias = true;
  };
  Convolution(const Weights& weights, const Shape& shape);
  // With the batch norm `norm` behind it, in its form for inference: folded into the weights.
  Convolution(const Weights& weights, const Shape& shape, const Weights& norm, double eps = 1e-5);
  // Of a kernel [out, in / groups, k, k] that was made of tensors; no bias.
  Convolution(at::Tensor kernel, const Shape& shape);

  at::Tensor operator()(const at::Tensor& x) const;

  at::Tensor weight, bias;  // bias undefined when there is none
  std::int64_t stride, padding, dilation, groups;
};

// Bilinear, to height x width, as torch.nn.functional.interpolate without align_corners.
at::Tensor resize_bilinear(const at::Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace dream::engine
