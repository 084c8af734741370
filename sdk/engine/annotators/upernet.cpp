// What is where in a picture: UperNet ("Unified Perceptual Parsing for Scene Understanding",
// arXiv 1807.10221) on ConvNeXt, read from a folder with config.json and weights (or the weight
// file in it) as openmmlab/upernet-convnext-small is published. Names equal transformers'
// UperNetForSemanticSegmentation; its auxiliary head serves training alone.
//
// In: RGB [1, 3, H, W] with ImageNet's mean and deviation taken off. Out: logits
// [1, labels, h, w] at the size of the finest map, a 4th of the picture: transformers' network goes
// on to H x W, which is left to who wants them larger.
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>

#include <utility>

#include "sdk/engine/annotators/convnext.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"
#include "sdk/engine/tensor/pretrained_keys.hpp"
#include "weights/store/loose_component.hpp"

namespace dream::engine {
namespace {

struct UperNetConfig {
  ConvNextConfig backbone;
  std::vector<std::int64_t> pool_scales;
  std::int64_t hidden_size = 512;
  std::int64_t smallest = 4;  // pixels per side of a picture that all stages see something of
};

UperNetConfig read_upernet_config(Config config, const Warn& warn) {
  config.only("model_type", "upernet");
  UperNetConfig net;
  net.backbone = read_convnext_config(config.object("backbone_config"), warn);
  net.hidden_size = config.integer("hidden_size", 512);
  net.pool_scales = config.integers("pool_scales");
  if (net.pool_scales.empty()) net.pool_scales = {1, 2, 3, 6};
  for (const auto scale : net.pool_scales) {
    if (scale < 1)
      config.fail("pool_scales", fmt::format("has {}: allowed is 1 or more", scale));
  }
  net.smallest = net.backbone.patch_size << (net.backbone.depths.size() - 1);
  config.only("backbone", nullptr);
  config.ignore({"auxiliary_channels", "auxiliary_concat_input", "auxiliary_in_channels",
                 "auxiliary_loss_weight", "auxiliary_num_convs", "backbone_kwargs",
                 "loss_ignore_index", "use_auxiliary_head", "use_pretrained_backbone",
                 "use_timm_backbone"});
  ignore_pretrained_keys(config);
  config.finish(warn);
  return net;
}

// Convolution, batch norm and ReLU.
struct ConvModule {
  ConvModule(const Weights& weights, std::int64_t in, std::int64_t out, std::int64_t kernel)
      : conv(weights.scope("conv"),
             {.in = in, .out = out, .kernel = kernel, .padding = kernel / 2, .bias = false},
             weights.scope("batch_norm")) {}

  at::Tensor operator()(const at::Tensor& x) const { return at::relu(conv(x)); }

  Convolution conv;
};

at::Tensor resized_like(const at::Tensor& x, const at::Tensor& other) {
  return resize_bilinear(x, other.size(2), other.size(3));
}

class UperNet {
 public:
  UperNet(const Weights& weights, const UperNetConfig& config)
      : UperNet(weights.scope("decode_head"), weights, config, config.backbone.channels()) {}

  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const {
    if (pixels.size(2) < smallest_ || pixels.size(3) < smallest_) {
      throw InvalidInput(fmt::format("the picture is {}x{}: allowed are {} pixels or more per side",
                                     pixels.size(3), pixels.size(2), smallest_));
    }
    const auto maps = backbone_(pixels);
    auto coarse = pyramid(maps.back());
    std::vector<at::Tensor> levels = {coarse};  // from coarse to fine
    for (std::size_t i = lateral_convs_.size(); i-- > 0;) {
      const auto lateral = lateral_convs_[i](maps[i]);
      coarse = lateral + resized_like(coarse, lateral);
      levels.push_back(fpn_convs_[i](coarse));
    }
    std::vector<at::Tensor> fine;
    for (std::size_t i = levels.size(); i-- > 0;)
      fine.push_back(resized_like(levels[i], levels.back()));
    return {classifier_(fpn_bottleneck_(at::cat(fine, 1)))};
  }

 private:
  UperNet(const Weights& head, const Weights& weights, const UperNetConfig& config,
          const std::vector<std::int64_t>& channels)
      : backbone_(weights.scope("backbone"), config.backbone),
        pool_scales_(config.pool_scales),
        bottleneck_(head.scope("bottleneck"),
                    channels.back() + std::ssize(config.pool_scales) * config.hidden_size,
                    config.hidden_size, 3),
        fpn_bottleneck_(head.scope("fpn_bottleneck"), std::ssize(channels) * config.hidden_size,
                        config.hidden_size, 3),
        classifier_(head.scope("classifier"), {.in = config.hidden_size,
                                               .out = label_count(weights),
                                               .kernel = 1,
                                               .padding = 0}),
        smallest_(config.smallest) {
    const auto hidden = config.hidden_size;
    for (std::size_t i = 0; i < pool_scales_.size(); ++i)
      psp_modules_.emplace_back(head.scope(fmt::format("psp_modules.{}.1", i)), channels.back(),
                                hidden, 1);
    for (std::size_t i = 0; i + 1 < channels.size(); ++i) {
      lateral_convs_.emplace_back(head.scope(fmt::format("lateral_convs.{}", i)), channels[i],
                                  hidden, 1);
      fpn_convs_.emplace_back(head.scope(fmt::format("fpn_convs.{}", i)), hidden, hidden, 3);
    }
  }

  // The config counts them only by listing their names.
  static std::int64_t label_count(const Weights& weights) {
    const auto shapes = weights.shapes();
    const auto found = shapes.find("decode_head.classifier.bias");
    return found == shapes.end() || found->second.empty() ? 0 : found->second[0];
  }

  // The coarsest map beside what is in it on average, over all of it and over its parts.
  at::Tensor pyramid(const at::Tensor& map) const {
    std::vector<at::Tensor> views = {map};
    for (std::size_t i = 0; i < pool_scales_.size(); ++i) {
      const auto means = at::adaptive_avg_pool2d(map, {pool_scales_[i], pool_scales_[i]});
      views.push_back(resized_like(psp_modules_[i](means), map));
    }
    return bottleneck_(at::cat(views, 1));
  }

  ConvNext backbone_;
  std::vector<std::int64_t> pool_scales_;
  std::vector<ConvModule> psp_modules_;
  ConvModule bottleneck_;
  std::vector<ConvModule> lateral_convs_, fpn_convs_;
  ConvModule fpn_bottleneck_;
  Convolution classifier_;
  std::int64_t smallest_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_upernet(const std::filesystem::path& place,
                                                     const Compute& compute, const Warn& warn) {
  const auto folder = std::filesystem::is_directory(place) ? place : place.parent_path();
  auto published = weights::read_loose_component(folder);
  const auto config = read_upernet_config(
      {std::move(*published.config), (folder / "config.json").string()}, warn);
  auto tensors = without_counters(std::move(published.tensors));
  drop_tensors(tensors, {"auxiliary_head."});
  return make_network<UperNet>(std::move(tensors), place, compute, warn, config);
}

}  // namespace dream::engine
