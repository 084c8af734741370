#include "sdk/engine/annotators/efficientnet.hpp"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sdk/engine/annotators/same_padding.hpp"

namespace dream::engine {
namespace {

constexpr double norm_eps = 1e-3;  // TensorFlow's
constexpr std::int64_t stem_channels = 48;

struct Stage {
  std::int64_t blocks, out, kernel, stride, expansion;
  bool wanted;  // whether its map is handed out
};

// B0's stages, 1.6 times as wide and 2.2 times as deep.
constexpr std::array stage_shapes = {
    Stage{3, 24, 3, 1, 1, true},   Stage{5, 40, 3, 2, 6, true},   Stage{5, 64, 5, 2, 6, true},
    Stage{7, 128, 3, 2, 6, false}, Stage{7, 176, 5, 1, 6, true},  Stage{9, 304, 5, 2, 6, false},
    Stage{3, 512, 3, 1, 6, false},
};

Convolution pointwise(const Weights& weights, const char* conv, const char* norm, std::int64_t in,
                      std::int64_t out) {
  return {weights.scope(conv),
          {.in = in, .out = out, .kernel = 1, .padding = 0, .bias = false},
          weights.scope(norm),
          norm_eps};
}

Convolution depthwise_of(const Weights& weights, const char* norm, std::int64_t channels,
                         std::int64_t kernel, std::int64_t stride) {
  return {weights.scope("conv_dw"),
          {.in = channels,
           .out = channels,
           .kernel = kernel,
           .stride = stride,
           .padding = 0,
           .groups = channels,
           .bias = false},
          weights.scope(norm),
          norm_eps};
}

Convolution gate(const Weights& weights, std::int64_t in, std::int64_t out) {
  return {weights, {.in = in, .out = out, .kernel = 1, .padding = 0}};
}

}  // namespace

SqueezeExcite::SqueezeExcite(const Weights& weights, std::int64_t channels, std::int64_t reduced)
    : conv_reduce(gate(weights.scope("conv_reduce"), channels, reduced)),
      conv_expand(gate(weights.scope("conv_expand"), reduced, channels)) {}

at::Tensor SqueezeExcite::operator()(const at::Tensor& x) const {
  const auto means = x.mean({2, 3}, /*keepdim=*/true);
  return x * at::sigmoid(conv_expand(at::silu(conv_reduce(means))));
}

InvertedResidual::InvertedResidual(const Weights& weights, const Shape& shape)
    : residual(shape.in == shape.out && shape.stride == 1),
      depthwise(depthwise_of(weights, shape.expansion > 1 ? "bn2" : "bn1",
                             shape.in * shape.expansion, shape.kernel, shape.stride)),
      se(weights.scope("se"), shape.in * shape.expansion, shape.in / 4),
      project(shape.expansion > 1 ? pointwise(weights, "conv_pwl", "bn3",
                                              shape.in * shape.expansion, shape.out)
                                  : pointwise(weights, "conv_pw", "bn2", shape.in, shape.out)) {
  if (shape.expansion > 1)
    expand = pointwise(weights, "conv_pw", "bn1", shape.in, shape.in * shape.expansion);
}

at::Tensor InvertedResidual::operator()(const at::Tensor& x) const {
  auto inner = expand ? at::silu((*expand)(x)) : x;
  inner = project(se(at::silu(convolve_same(depthwise, inner))));
  return residual ? inner + x : inner;
}

EfficientNetB5::EfficientNetB5(const Weights& weights)
    : stem(weights.scope("conv_stem"),
           {.in = 3, .out = stem_channels, .stride = 2, .padding = 0, .bias = false},
           weights.scope("bn1"), norm_eps),
      head(weights.scope("conv_head"), {.in = stage_shapes.back().out,
                                        .out = std::end(channels)[-1],
                                        .kernel = 1,
                                        .padding = 0,
                                        .bias = false}) {
  std::int64_t in = stem_channels;
  for (std::size_t i = 0; i < stage_shapes.size(); ++i) {
    const Stage& shape = stage_shapes[i];
    auto& stage = stages.emplace_back();
    for (std::int64_t j = 0; j < shape.blocks; ++j) {
      stage.emplace_back(weights.scope(fmt::format("blocks.{}.{}", i, j)),
                         InvertedResidual::Shape{in, shape.out, shape.kernel,
                                                 j == 0 ? shape.stride : 1, shape.expansion});
      in = shape.out;
    }
  }
}

std::vector<at::Tensor> EfficientNetB5::operator()(const at::Tensor& pixels) const {
  auto x = at::silu(convolve_same(stem, pixels));
  std::vector<at::Tensor> maps;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    for (const auto& block : stages[i]) x = block(x);
    if (stage_shapes[i].wanted) maps.push_back(x);
  }
  maps.push_back(head(x));
  return maps;
}

}  // namespace dream::engine
