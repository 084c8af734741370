// HED, "Holistically-Nested Edge Detection" (arXiv 1504.06375), as trained on BSDS500: the network
// behind the first ControlNets for soft edges. Weights: network-bsds500.pth with its own names
// (moduleVggOne.0.weight …).
//
// Input [1, 3, height, width]: BGR, 0..1. Output: one map [1, 1, height, width] of edges, 0..1.
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>

#include "sdk/engine/annotators/chain.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

class Hed {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit Hed(const Weights& weights)
      : mean_(at::tensor({104.00698793F, 116.66876762F, 122.67891434F})
                  .view({1, 3, 1, 1})
                  .to(weights.compute().device)),
        combine_(weights.scope("moduleCombine.0"),
                 {.in = 5, .out = 1, .kernel = 1, .padding = 0}) {
    add_stage(weights, "One", 3, 64, 2);
    add_stage(weights, "Two", 64, 128, 2);
    add_stage(weights, "Thr", 128, 256, 3);
    add_stage(weights, "Fou", 256, 512, 3);
    add_stage(weights, "Fiv", 512, 512, 3);
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    at::Tensor x = picture * 255 - mean_;
    std::vector<at::Tensor> scores;
    for (const auto& [stage, score] : stages_) {
      x = stage(x);
      scores.push_back(resize_bilinear(score(x), picture.size(2), picture.size(3)));
    }
    return {at::sigmoid(combine_(at::cat(scores, 1)))};
  }

 private:
  struct Stage {
    Chain convolutions;
    Convolution score;
  };

  // In the file each stage is a list of convolutions and ReLUs, with a pooling before all but the
  // first.
  void add_stage(const Weights& weights, const std::string& number, std::int64_t in,
                 std::int64_t out, int count) {
    const bool pooled = !stages_.empty();
    std::vector<Link> links;
    if (pooled) links.push_back({});
    for (int i = 0; i < count; ++i)
      links.push_back({std::to_string(2 * i + (pooled ? 1 : 0)), i == 0 ? in : out, out});
    stages_.push_back({Chain(weights.scope("moduleVgg" + number), links),
                       Convolution(weights.scope("moduleScore" + number),
                                   {.in = out, .out = 1, .kernel = 1, .padding = 0})});
  }

  at::Tensor mean_;
  std::vector<Stage> stages_;
  Convolution combine_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_hed(const std::filesystem::path& weights,
                                                 const Compute& compute, const Warn& warn) {
  return load_network<Hed>(weights, compute, warn);
}

}  // namespace dream::engine
