#include "sdk/engine/annotators/layers.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <utility>

namespace dream::engine {
namespace {

at::Tensor kernel_of(const Weights& weights, const Convolution::Shape& shape) {
  return weights.tensor("weight",
                        {shape.out, shape.in / shape.groups, shape.kernel, shape.kernel});
}

}  // namespace

Convolution::Convolution(at::Tensor kernel, const Shape& shape)
    : weight(shape.groups == 1 ? kernel.contiguous(at::MemoryFormat::ChannelsLast)
                               : std::move(kernel)),
      stride(shape.stride),
      padding(shape.padding),
      dilation(shape.dilation),
      groups(shape.groups) {}

Convolution::Convolution(const Weights& weights, const Shape& shape)
    : Convolution(kernel_of(weights, shape), shape) {
  if (shape.bias) bias = weights.tensor("bias", {shape.out});
}

Convolution::Convolution(const Weights& weights, const Shape& shape, const Weights& norm,
                         double eps)
    : Convolution(weights, shape) {
  const auto mean = norm.tensor("running_mean", {shape.out});
  const auto variance = norm.tensor("running_var", {shape.out});
  const auto scale = norm.tensor("weight", {shape.out}) * at::rsqrt(variance + eps);
  const auto shift = bias.defined() ? bias - mean : -mean;
  weight = weight * scale.view({-1, 1, 1, 1});
  bias = norm.tensor("bias", {shape.out}) + shift * scale;
}

at::Tensor Convolution::operator()(const at::Tensor& x) const {
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

at::Tensor resize_bilinear(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return at::upsample_bilinear2d(x, {height, width}, /*align_corners=*/false);
}

}  // namespace dream::engine
