// The generator of "Adversarial Open Domain Adaptation for Sketch-to-Photo Synthesis" (arXiv
// 2104.05703), Anime2Sketch: pix2pix's U-Net with instance norms. Names as published
// (model.model.0.weight …), with or without "module." before them.
//
// Input [1, 3, height, width]: RGB, -1..1, sides in multiples of 256. Output: one map
// [1, 1, height, width], 1 where the paper stays white, -1 for ink.
#include <ATen/ops/cat.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

#include <array>
#include <string>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

at::Tensor normalized(const at::Tensor& x) {
  return at::instance_norm(x, {}, {}, {}, {}, /*use_input_stats=*/true, /*momentum=*/0.1,
                           /*eps=*/1e-5, /*cudnn_enabled=*/true);
}

// One level of the U: half the size and back, with the next level in between.
struct Level {
  Level(const Weights& weights, const std::string& down_name, const std::string& up_name,
        std::int64_t outside, std::int64_t inside, std::int64_t picture, bool innermost)
      : down(weights.scope(down_name),
             {.in = picture, .out = inside, .kernel = 4, .stride = 2, .padding = 1}),
        up_weight(weights.scope(up_name).tensor(
            "weight", {innermost ? inside : 2 * inside, outside, 4, 4})),
        up_bias(weights.scope(up_name).tensor("bias", {outside})) {}

  at::Tensor up(const at::Tensor& x) const {
    return at::conv_transpose2d(at::relu(x), up_weight, up_bias, /*stride=*/{2, 2},
                                /*padding=*/{1, 1});
  }

  Convolution down;
  at::Tensor up_weight, up_bias;
};

class Generator {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit Generator(const Weights& weights) {
    // Modules in order: of the outermost level down, next, relu, up; of the others leaky relu,
    // down, norm, next, relu, up, norm, where the innermost has neither the first norm nor a next.
    levels_.emplace_back(weights, "model.model.0", "model.model.3", 1, channels[0], 3, false);
    std::string prefix = "model.model.1.";
    for (std::size_t i = 1; i < channels.size(); ++i) {
      const bool innermost = i + 1 == channels.size();
      const std::string up = prefix + (innermost ? "model.3" : "model.5");
      levels_.emplace_back(weights, prefix + "model.1", up, channels[i - 1], channels[i],
                           channels[i - 1], innermost);
      prefix += "model.3.";
    }
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    check_multiple(picture, std::int64_t{1} << channels.size());
    const Level& outermost = levels_.front();
    return {at::tanh(outermost.up(through(outermost.down(picture), 1)))};
  }

 private:
  static constexpr std::array<std::int64_t, 8> channels = {64, 128, 256, 512, 512, 512, 512, 512};

  // What goes into the level at `index` and, beside it, what came of it.
  at::Tensor through(const at::Tensor& x, std::size_t index) const {
    const Level& level = levels_[index];
    auto y = level.down(at::leaky_relu(x, 0.2));
    if (index + 1 < levels_.size()) y = through(normalized(y), index + 1);
    return at::cat({x, normalized(level.up(y))}, 1);
  }

  std::vector<Level> levels_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_lineart_anime(const std::filesystem::path& path,
                                                           const Compute& compute,
                                                           const Warn& warn) {
  return make_network<Generator>(unwrapped(read_network_tensors(path)), path, compute, warn);
}

}  // namespace dream::engine
