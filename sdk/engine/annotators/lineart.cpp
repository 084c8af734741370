// The generator of "Learning to Generate Line Drawings that Convey Geometry and Semantics" (arXiv
// 2203.12691), in two trainings of one layout: sk_model.pth draws fine lines, sk_model2.pth coarse
// ones. Names as published (model0.1.weight …).
//
// Input [1, 3, height, width]: RGB, 0..1, sides of 16 and more in multiples of 4. Output: one map
// [1, 1, height, width], 1 where the paper stays white.
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <fmt/format.h>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

at::Tensor normalized(const at::Tensor& x) {
  return at::instance_norm(x, {}, {}, {}, {}, /*use_input_stats=*/true, /*momentum=*/0.1,
                           /*eps=*/1e-5, /*cudnn_enabled=*/true);
}

at::Tensor padded(const at::Tensor& x, std::int64_t border) {
  return at::reflection_pad2d(x, {border, border, border, border});
}

Convolution unpadded(const Weights& weights, std::int64_t in, std::int64_t out,
                     std::int64_t kernel) {
  return {weights, {.in = in, .out = out, .kernel = kernel, .padding = 0}};
}

struct ResidualBlock {
  explicit ResidualBlock(const Weights& weights)
      : first(unpadded(weights.scope("conv_block.1"), 256, 256, 3)),
        second(unpadded(weights.scope("conv_block.5"), 256, 256, 3)) {}
  at::Tensor operator()(const at::Tensor& x) const {
    const auto y = at::relu(normalized(first(padded(x, 1))));
    return x + normalized(second(padded(y, 1)));
  }

  Convolution first, second;
};

// Twice the size.
struct Upsample {
  Upsample(const Weights& weights, std::int64_t in, std::int64_t out)
      : weight(weights.tensor("weight", {in, out, 3, 3})), bias(weights.tensor("bias", {out})) {}
  at::Tensor operator()(const at::Tensor& x) const {
    return at::conv_transpose2d(x, weight, bias, /*stride=*/{2, 2}, /*padding=*/{1, 1},
                                /*output_padding=*/{1, 1});
  }

  at::Tensor weight, bias;
};

class Generator {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit Generator(const Weights& weights)
      : first_(unpadded(weights.scope("model0.1"), 3, 64, 7)),
        down_{{weights.scope("model1.0"), {.in = 64, .out = 128, .stride = 2}},
              {weights.scope("model1.3"), {.in = 128, .out = 256, .stride = 2}}},
        up_{{weights.scope("model3.0"), 256, 128}, {weights.scope("model3.3"), 128, 64}},
        last_(unpadded(weights.scope("model4.1"), 64, 1, 7)) {
    for (int i = 0; i < 3; ++i) blocks_.emplace_back(weights.scope(fmt::format("model2.{}", i)));
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    auto x = at::relu(normalized(first_(padded(picture, 3))));
    for (const auto& down : down_) x = at::relu(normalized(down(x)));
    for (const auto& block : blocks_) x = block(x);
    for (const auto& up : up_) x = at::relu(normalized(up(x)));
    return {at::sigmoid(last_(padded(x, 3)))};
  }

 private:
  Convolution first_;
  std::vector<Convolution> down_;
  std::vector<ResidualBlock> blocks_;
  std::vector<Upsample> up_;
  Convolution last_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_lineart(const std::filesystem::path& weights,
                                                     const Compute& compute, const Warn& warn) {
  return load_network<Generator>(weights, compute, warn);
}

}  // namespace dream::engine
