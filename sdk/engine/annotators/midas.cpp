// Depth from one picture: MiDaS with the dense prediction transformer DPT-hybrid (arXiv 1907.01341,
// 2103.13413), published as dpt_hybrid-midas-501f0c75.pt. A ResNet and a vision transformer see the
// picture at four sizes; convolutions fuse what they saw from coarse to fine.
//
// In: RGB [1, 3, H, W], -1..1, sides multiples of 32. Out: [1, H, W], 0 or more, larger is nearer,
// without a scale.
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <fmt/format.h>

#include <array>
#include <optional>

#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"
#include "sdk/engine/annotators/resnet_v2.hpp"
#include "sdk/engine/annotators/vision_transformer.hpp"
#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t width = 768, features = 256;

at::Tensor doubled(const at::Tensor& x) {
  return at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/true);
}

// What a block saw as a map again: each token is told of the class token and projected.
struct Reassemble {
  explicit Reassemble(const Weights& weights)
      : readout(weights.scope("0.project.0"), 2 * width, width),
        project(weights.scope("3"), {.in = width, .out = width, .kernel = 1, .padding = 0}) {}

  at::Tensor operator()(const at::Tensor& tokens, std::int64_t rows, std::int64_t columns) const {
    const auto patches = tokens.narrow(1, 1, rows * columns);
    const auto told = at::cat({patches, tokens.narrow(1, 0, 1).expand_as(patches)}, 2);
    return project(at::gelu(readout(told)).transpose(1, 2).reshape({1, width, rows, columns}));
  }

  Linear readout;
  Conv2d project;
};

struct ResidualConvUnit {
  explicit ResidualConvUnit(const Weights& weights)
      : conv1(weights.scope("conv1"), {.in = features, .out = features}),
        conv2(weights.scope("conv2"), {.in = features, .out = features}) {}

  at::Tensor operator()(const at::Tensor& x) const {
    return conv2(at::relu(conv1(at::relu(x)))) + x;
  }

  Conv2d conv1, conv2;
};

// Adds the next finer map and doubles the size. The coarsest has nothing to add to, though the file
// has weights for it.
struct FeatureFusionBlock {
  FeatureFusionBlock(const Weights& weights, bool coarsest)
      : unit2(weights.scope("resConfUnit2")),
        out(weights.scope("out_conv"),
            {.in = features, .out = features, .kernel = 1, .padding = 0}) {
    if (!coarsest) unit1.emplace(weights.scope("resConfUnit1"));
  }

  at::Tensor operator()(const at::Tensor& x) const { return out(doubled(unit2(x))); }
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& finer) const {
    return (*this)(x + (*unit1)(finer));
  }

  std::optional<ResidualConvUnit> unit1;
  ResidualConvUnit unit2;
  Conv2d out;
};

class DptHybrid {
 public:
  explicit DptHybrid(const Weights& weights)
      : DptHybrid(weights.scope("pretrained"), weights.scope("scratch")) {}

  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const {
    check_multiple(pixels, 32);
    const auto maps = backbone_(pixels);
    const auto patches = proj_(maps[2]);
    const auto rows = patches.size(2), columns = patches.size(3);
    const auto tokens = transformer_(patches, {8, 11});
    const auto layer3 = postprocess3_(tokens[0], rows, columns);
    const auto layer4 = downsample4_(postprocess4_(tokens[1], rows, columns));

    auto path = refinenet_[3](layer_rn_[3](layer4));
    path = refinenet_[2](path, layer_rn_[2](layer3));
    path = refinenet_[1](path, layer_rn_[1](maps[1]));
    path = refinenet_[0](path, layer_rn_[0](maps[0]));
    const auto fine = doubled(output0_(path));
    return {at::relu(output4_(at::relu(output2_(fine)))).squeeze(1)};
  }

 private:
  DptHybrid(const Weights& pretrained, const Weights& scratch)
      : backbone_(pretrained.scope("model.patch_embed.backbone")),
        proj_(pretrained.scope("model.patch_embed.proj"),
              {.in = ResNetV2::channels, .out = width, .kernel = 1, .padding = 0}),
        transformer_(pretrained.scope("model"), {.width = width}),
        postprocess3_(pretrained.scope("act_postprocess3")),
        postprocess4_(pretrained.scope("act_postprocess4")),
        downsample4_(pretrained.scope("act_postprocess4.4"),
                     {.in = width, .out = width, .stride = 2}),
        output0_(scratch.scope("output_conv.0"), {.in = features, .out = features / 2}),
        output2_(scratch.scope("output_conv.2"), {.in = features / 2, .out = 32}),
        output4_(scratch.scope("output_conv.4"),
                 {.in = 32, .out = 1, .kernel = 1, .padding = 0}) {
    constexpr std::array<std::int64_t, 4> channels = {256, 512, width, width};
    for (std::size_t i = 0; i < channels.size(); ++i) {
      layer_rn_.emplace_back(
          scratch.scope(fmt::format("layer{}_rn", i + 1)),
          Convolution::Shape{.in = channels[i], .out = features, .bias = false});
      refinenet_.emplace_back(scratch.scope(fmt::format("refinenet{}", i + 1)), i == 3);
    }
  }

  ResNetV2 backbone_;
  Conv2d proj_;
  VisionTransformer transformer_;
  Reassemble postprocess3_, postprocess4_;
  Conv2d downsample4_;
  std::vector<Convolution> layer_rn_;
  std::vector<FeatureFusionBlock> refinenet_;
  Conv2d output0_, output2_, output4_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_midas(const std::filesystem::path& place,
                                                   const Compute& compute, const Warn& warn) {
  auto tensors = read_network_tensors(place);
  // Of the classifier that the transformer was, and beside the coarsest fusion: in the file and
  // without a use.
  drop_tensors(tensors, {"pretrained.model.head.", "pretrained.model.norm.",
                         "scratch.refinenet4.resConfUnit1."});
  return make_network<DptHybrid>(std::move(tensors), place, compute, warn);
}

}  // namespace dream::engine
