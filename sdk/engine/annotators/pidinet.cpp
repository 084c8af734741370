// PiDiNet, "Pixel Difference Networks for Efficient Edge Detection" (arXiv 2108.07009), in the
// layout "carv4" with 60 channels and both of its modules. Weights: table5_pidinet.pth, as trained:
// the pixel differences are turned into plain convolutions here.
//
// Input [1, 3, height, width]: BGR, 0..1, sides of 8 and more. Output: one map
// [1, 1, height, width] of edges, 0..1.
#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

// What a kernel is laid over: the pixels, or their differences from the centre, along the ring
// around it, or from an inner to an outer ring.
enum class Difference { none, central, angular, radial };

// The layout "carv4": these four, over and over.
constexpr std::array layout = {Difference::central, Difference::angular, Difference::radial,
                               Difference::none};

// Section 3.1 of the paper: sums over differences, regrouped by pixel. [out, in, 3, 3] becomes
// [out, in, 5, 5] for radial differences, else keeps its shape.
at::Tensor plain_kernel(const at::Tensor& kernel, Difference difference) {
  const auto taps = kernel.flatten(2);  // row by row, 4 is the centre
  switch (difference) {
    case Difference::none:
      return kernel;
    case Difference::central: {
      auto plain = kernel.clone();
      plain.select(3, 1).select(2, 1).sub_(taps.sum(2));
      return plain;
    }
    case Difference::angular: {
      constexpr std::array<int, 9> next = {3, 0, 1, 6, 4, 2, 7, 8, 5};  // clockwise
      auto plain = taps.clone();
      for (int i = 0; i < 9; ++i) plain.select(2, i).sub_(taps.select(2, next[i]));
      return plain.view_as(kernel);
    }
    case Difference::radial: {
      constexpr std::array<int, 8> outer = {0, 2, 4, 10, 14, 20, 22, 24};
      constexpr std::array<int, 8> inner = {6, 7, 8, 11, 13, 16, 17, 18};
      auto plain = at::zeros({kernel.size(0), kernel.size(1), 25}, kernel.options());
      for (int i = 0; i < 8; ++i) {
        plain.select(2, outer[i]).add_(taps.select(2, i + 1));
        plain.select(2, inner[i]).sub_(taps.select(2, i + 1));
      }
      return plain.view({kernel.size(0), kernel.size(1), 5, 5});
    }
  }
  throw std::logic_error("unknown pixel difference");
}

Convolution difference_convolution(const Weights& weights, std::int64_t in, std::int64_t out,
                                   std::int64_t groups, Difference difference) {
  const auto kernel = weights.tensor("weight", {out, in / groups, 3, 3});
  const std::int64_t padding = difference == Difference::radial ? 2 : 1;
  return {plain_kernel(kernel, difference),
          {.in = in, .out = out, .padding = padding, .groups = groups}};
}

Convolution pointwise(const Weights& weights, std::int64_t in, std::int64_t out, bool bias) {
  return {weights, {.in = in, .out = out, .kernel = 1, .padding = 0, .bias = bias}};
}

// A depthwise and a pointwise convolution around a ReLU, beside a shortcut. `halves`: the first of
// its stage.
class Block {
 public:
  Block(const Weights& weights, std::int64_t in, std::int64_t out, bool halves,
        Difference difference)
      : depthwise_(difference_convolution(weights.scope("conv1"), in, in, in, difference)),
        pointwise_(pointwise(weights.scope("conv2"), in, out, false)) {
    if (halves) shortcut_ = pointwise(weights.scope("shortcut"), in, out, true);
  }
  at::Tensor operator()(at::Tensor x) const {
    if (shortcut_) x = at::max_pool2d(x, {2, 2}, {2, 2});
    const auto y = pointwise_(at::relu(depthwise_(x)));
    return y + (shortcut_ ? (*shortcut_)(x) : x);
  }

 private:
  Convolution depthwise_, pointwise_;
  std::optional<Convolution> shortcut_;
};

// One of the four side outputs: dilated convolutions (CDCM), spatial attention (CSAM), one channel.
class Side {
 public:
  Side(const Weights& weights, int index, std::int64_t in)
      : reduce_in_(pointwise(part(weights, "dilations", index).scope("conv1"), in, width, true)),
        attend_in_(pointwise(part(weights, "attentions", index).scope("conv1"), width, 4, true)),
        attend_out_(part(weights, "attentions", index).scope("conv2"),
                    {.in = 4, .out = 1, .bias = false}),
        reduce_out_(pointwise(part(weights, "conv_reduces", index).scope("conv"), width, 1, true)) {
    for (int i = 0; i < 4; ++i) {
      const std::int64_t dilation = 5 + 2 * i;
      dilated_.emplace_back(
          part(weights, "dilations", index).scope(fmt::format("conv2_{}", i + 1)),
          Convolution::Shape{.in = width, .out = width, .padding = dilation, .dilation = dilation,
                             .bias = false});
    }
  }
  at::Tensor operator()(const at::Tensor& features) const {
    const auto x = reduce_in_(at::relu(features));
    auto sum = dilated_[0](x);
    for (int i = 1; i < 4; ++i) sum = sum + dilated_[i](x);
    const auto attention = at::sigmoid(attend_out_(attend_in_(at::relu(sum))));
    return reduce_out_(sum * attention);
  }

 private:
  static constexpr std::int64_t width = 24;
  static Weights part(const Weights& weights, const char* name, int index) {
    return weights.scope(fmt::format("{}.{}", name, index));
  }

  Convolution reduce_in_;
  std::vector<Convolution> dilated_;
  Convolution attend_in_, attend_out_, reduce_out_;
};

class PiDiNet {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit PiDiNet(const Weights& weights)
      : init_block_(difference_convolution(weights.scope("init_block"), 3, channels[0], 1,
                                           layout[0])),
        classifier_(pointwise(weights.scope("classifier"), 4, 1, true)) {
    for (int stage = 0; stage < 4; ++stage) {
      std::vector<Block>& blocks = stages_[stage];
      // The first stage's first block is init_block_.
      for (int i = stage == 0 ? 1 : 0; i < 4; ++i) {
        const bool halves = i == 0;
        const auto name = fmt::format("block{}_{}", stage + 1, stage == 0 ? i : i + 1);
        blocks.emplace_back(weights.scope(name), channels[halves ? stage - 1 : stage],
                            channels[stage], halves, layout[i]);
      }
      sides_.emplace_back(weights, stage, channels[stage]);
    }
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    auto x = init_block_(picture);
    std::vector<at::Tensor> edges;
    for (int stage = 0; stage < 4; ++stage) {
      for (const Block& block : stages_[stage]) x = block(x);
      edges.push_back(resize_bilinear(sides_[stage](x), picture.size(2), picture.size(3)));
    }
    return {at::sigmoid(classifier_(at::cat(edges, 1)))};
  }

 private:
  static constexpr std::array<std::int64_t, 4> channels = {60, 120, 240, 240};

  Convolution init_block_;
  std::array<std::vector<Block>, 4> stages_;
  std::vector<Side> sides_;
  Convolution classifier_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_pidinet(const std::filesystem::path& path,
                                                     const Compute& compute, const Warn& warn) {
  return make_network<PiDiNet>(unwrapped(read_network_tensors(path)), path, compute, warn);
}

}  // namespace dream::engine
