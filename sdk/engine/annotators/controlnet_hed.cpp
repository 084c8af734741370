// HED as ControlNet 1.1 has it: trained anew on RGB, and five maps that the host blends. Weights:
// ControlNetHED.pth (norm, block1.convs.0.weight …).
//
// Input [1, 3, height, width]: RGB, 0..255. Output: logits of edges at full, half, … sixteenth
// size, [1, 1, height / 2^i, width / 2^i] each.
#include <fmt/format.h>

#include <array>

#include "sdk/engine/annotators/chain.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

class ControlNetHed {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit ControlNetHed(const Weights& weights) : norm_(weights.tensor("norm", {1, 3, 1, 1})) {
    constexpr std::array<std::int64_t, 6> channels = {3, 64, 128, 256, 512, 512};
    for (std::size_t i = 1; i < channels.size(); ++i) {
      const Weights block = weights.scope(fmt::format("block{}", i));
      std::vector<Link> links;
      if (i > 1) links.push_back({});
      for (int j = 0; j < (i > 2 ? 3 : 2); ++j)
        links.push_back({fmt::format("convs.{}", j), channels[j == 0 ? i - 1 : i], channels[i]});
      blocks_.push_back({Chain(block, links),
                         Convolution(block.scope("projection"),
                                     {.in = channels[i], .out = 1, .kernel = 1, .padding = 0})});
    }
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    at::Tensor x = picture - norm_;
    std::vector<at::Tensor> maps;
    for (const auto& [convolutions, projection] : blocks_) {
      x = convolutions(x);
      maps.push_back(projection(x));
    }
    return maps;
  }

 private:
  struct Block {
    Chain convolutions;
    Convolution projection;
  };
  at::Tensor norm_;
  std::vector<Block> blocks_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_controlnet_hed(const std::filesystem::path& weights,
                                                            const Compute& compute,
                                                            const Warn& warn) {
  return load_network<ControlNetHed>(weights, compute, warn);
}

}  // namespace dream::engine
