#include "sdk/engine/annotators/resnet_v2.hpp"

#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/var_mean.h>
#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "sdk/engine/annotators/same_padding.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t norm_groups = 32, stem_channels = 64;
constexpr double norm_eps = 1e-5, standardization_eps = 1e-8;
constexpr std::array<std::int64_t, 3> blocks = {3, 4, 9}, widths = {256, 512, 1024};

// Each output channel's kernel with mean 0 and variance 1 (arXiv 1903.10520).
at::Tensor standardized(const at::Tensor& kernel) {
  const auto [variance, mean] =
      at::var_mean(kernel, {1, 2, 3}, /*unbiased=*/false, /*keepdim=*/true);
  return (kernel - mean) * at::rsqrt(variance + standardization_eps);
}

}  // namespace

StandardizedConvolution::StandardizedConvolution(const Weights& conv_weights,
                                                 const Weights& norm_weights, std::int64_t in,
                                                 std::int64_t out, std::int64_t kernel,
                                                 std::int64_t stride)
    : conv(standardized(conv_weights.tensor("weight", {out, in, kernel, kernel})),
           {.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = 0}),
      norm(norm_weights, out, norm_groups, norm_eps) {}

at::Tensor StandardizedConvolution::operator()(const at::Tensor& x) const {
  return norm(convolve_same(conv, x));
}

ResNetBottleneck::ResNetBottleneck(const Weights& weights, std::int64_t in, std::int64_t out,
                                   std::int64_t stride)
    : conv1(weights.scope("conv1"), weights.scope("norm1"), in, out / 4, 1, 1),
      conv2(weights.scope("conv2"), weights.scope("norm2"), out / 4, out / 4, 3, stride),
      conv3(weights.scope("conv3"), weights.scope("norm3"), out / 4, out, 1, 1) {
  if (in == out && stride == 1) return;
  const auto shortcut = weights.scope("downsample");
  downsample.emplace(shortcut.scope("conv"), shortcut.scope("norm"), in, out, 1, stride);
}

at::Tensor ResNetBottleneck::operator()(const at::Tensor& x) const {
  const auto inner = conv3(at::relu(conv2(at::relu(conv1(x)))));
  return at::relu(inner + (downsample ? (*downsample)(x) : x));
}

ResNetV2::ResNetV2(const Weights& weights)
    : stem(weights.scope("stem.conv"), weights.scope("stem.norm"), 3, stem_channels, 7, 2) {
  std::int64_t in = stem_channels;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    auto& stage = stages.emplace_back();
    for (std::int64_t j = 0; j < blocks[i]; ++j) {
      stage.emplace_back(weights.scope(fmt::format("stages.{}.blocks.{}", i, j)), in, widths[i],
                         i > 0 && j == 0 ? 2 : 1);
      in = widths[i];
    }
  }
}

std::vector<at::Tensor> ResNetV2::operator()(const at::Tensor& pixels) const {
  constexpr auto lowest = -std::numeric_limits<double>::infinity();
  auto x = at::max_pool2d(pad_same(at::relu(stem(pixels)), 3, 2, lowest), 3, 2);
  std::vector<at::Tensor> maps;
  for (const auto& stage : stages) {
    for (const auto& block : stage) x = block(x);
    maps.push_back(x);
  }
  return maps;
}

}  // namespace dream::engine
