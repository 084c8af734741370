// M-LSD, "Towards Light-weight and Real-time Line Segment Detection" (arXiv 2106.00186), the large
// one: MobileNetV2 and a decoder. Weights: mlsd_large_512_fp32.pth with its own names
// (backbone.features.0.0.weight …).
//
// Input [1, 4, height, width]: RGB and a fourth channel, -1..1, sides in multiples of 16. Output:
// one map [1, 9, height / 2, width / 2]: the logit of a line's centre, its displacement to the
// start (x, y) and to the end (x, y), and four channels that only training looks at.
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <fmt/format.h>

#include <array>
#include <optional>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

// A convolution with its batch norm: the entries `first` and `first + 1` of a list.
Convolution normed(const Weights& list, int first, const Convolution::Shape& shape) {
  return {list.scope(std::to_string(first)), shape, list.scope(std::to_string(first + 1))};
}

// With ReLU6; where it halves, rows and columns are added at the end alone, as TensorFlow does.
class Step {
 public:
  Step(const Weights& list, Convolution::Shape shape, bool halves)
      : convolution_(normed(list, 0, adapted(shape, halves))), halves_(halves) {}
  at::Tensor operator()(const at::Tensor& x) const {
    const auto y = convolution_(halves_ ? at::constant_pad_nd(x, {0, 1, 0, 1}) : x);
    return at::hardtanh(y, 0, 6);
  }

 private:
  static Convolution::Shape adapted(Convolution::Shape shape, bool halves) {
    shape.stride = halves ? 2 : 1;
    shape.padding = halves ? 0 : shape.kernel / 2;
    shape.bias = false;
    return shape;
  }

  Convolution convolution_;
  bool halves_;
};

// MobileNetV2's: wider, depthwise, narrower, beside a shortcut where the shape stays.
class InvertedResidual {
 public:
  InvertedResidual(const Weights& list, std::int64_t in, std::int64_t out, std::int64_t expansion,
                   bool halves)
      : shortcut_(!halves && in == out),
        narrow_(normed(list, expansion > 1 ? 2 : 1,
                       {.in = in * expansion, .out = out, .kernel = 1, .padding = 0,
                        .bias = false})) {
    const std::int64_t wide = in * expansion;
    if (expansion > 1)
      steps_.emplace_back(list.scope("0"), Convolution::Shape{.in = in, .out = wide, .kernel = 1},
                          false);
    steps_.emplace_back(list.scope(std::to_string(steps_.size())),
                        Convolution::Shape{.in = wide, .out = wide, .groups = wide}, halves);
  }
  at::Tensor operator()(const at::Tensor& x) const {
    auto y = x;
    for (const Step& step : steps_) y = step(y);
    y = narrow_(y);
    return shortcut_ ? x + y : y;
  }

 private:
  bool shortcut_;
  std::vector<Step> steps_;
  Convolution narrow_;
};

// "BlockTypeA": joins a level with what comes from below it, which may have half its size.
struct Join {
  Join(const Weights& weights, std::int64_t level_channels, std::int64_t below_channels)
      : level(pointwise(weights.scope("conv2"), level_channels)),
        below(pointwise(weights.scope("conv1"), below_channels)) {}
  at::Tensor operator()(const at::Tensor& a, const at::Tensor& b) const {
    const auto at_level = at::relu(level(a));
    auto from_below = at::relu(below(b));
    if (from_below.size(2) != at_level.size(2) || from_below.size(3) != at_level.size(3))
      from_below = at::upsample_bilinear2d(from_below, {at_level.size(2), at_level.size(3)},
                                           /*align_corners=*/true);
    return at::cat({at_level, from_below}, 1);
  }

  static Convolution pointwise(const Weights& weights, std::int64_t in) {
    return normed(weights, 0, {.in = in, .out = 64, .kernel = 1, .padding = 0});
  }

  Convolution level, below;
};

// "BlockTypeB".
struct Refine {
  explicit Refine(const Weights& weights)
      : first(normed(weights.scope("conv1"), 0, {.in = 128, .out = 128})),
        second(normed(weights.scope("conv2"), 0, {.in = 128, .out = 64})) {}
  at::Tensor operator()(const at::Tensor& x) const {
    return at::relu(second(at::relu(first(x)) + x));
  }

  Convolution first, second;
};

class Mlsd {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 4, -1, -1}; }

  explicit Mlsd(const Weights& weights)
      : stem_(weights.scope("backbone.features.0"), {.in = 4, .out = 32}, true),
        dilated_(normed(weights.scope("block23.conv1"), 0,
                        {.in = 64, .out = 64, .padding = 5, .dilation = 5})),
        plain_(normed(weights.scope("block23.conv2"), 0, {.in = 64, .out = 64})),
        last_(weights.scope("block23.conv3"), {.in = 64, .out = 16, .kernel = 1, .padding = 0}) {
    struct Group {
      std::int64_t expansion, out;
      int count;
      bool halves;
    };
    constexpr std::array<Group, 5> groups = {{{1, 16, 1, false},
                                              {6, 24, 2, true},
                                              {6, 32, 3, true},
                                              {6, 64, 4, true},
                                              {6, 96, 3, false}}};
    std::int64_t in = 32;
    int index = 1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Group& group = groups[i];
      for (int j = 0; j < group.count; ++j, ++index) {
        levels_[i].emplace_back(weights.scope(fmt::format("backbone.features.{}.conv", index)), in,
                                group.out, group.expansion, group.halves && j == 0);
        in = group.out;
      }
    }
    add_decoder_step(weights, 15, 64, 96);
    add_decoder_step(weights, 17, 32, 64);
    add_decoder_step(weights, 19, 24, 64);
    add_decoder_step(weights, 21, 16, 64);
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    std::array<at::Tensor, 5> features;
    at::Tensor x = stem_(picture);
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      for (const auto& block : levels_[i]) x = block(x);
      features[i] = x;
    }
    for (std::size_t i = 0; i < joins_.size(); ++i) x = refines_[i](joins_[i](features[3 - i], x));
    x = last_(at::relu(plain_(at::relu(dilated_(x)))));
    return {x.narrow(1, 7, 9)};
  }

 private:
  void add_decoder_step(const Weights& weights, int block, std::int64_t level,
                        std::int64_t below) {
    joins_.emplace_back(weights.scope(fmt::format("block{}", block)), level, below);
    refines_.emplace_back(weights.scope(fmt::format("block{}", block + 1)));
  }

  Step stem_;
  std::array<std::vector<InvertedResidual>, 5> levels_;
  std::vector<Join> joins_;
  std::vector<Refine> refines_;
  Convolution dilated_, plain_, last_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_mlsd(const std::filesystem::path& weights,
                                                  const Compute& compute, const Warn& warn) {
  return load_network<Mlsd>(weights, compute, warn);
}

}  // namespace dream::engine
