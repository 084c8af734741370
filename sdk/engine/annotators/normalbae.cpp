// Surface normals from one picture: "Estimating and Exploiting the Aleatoric Uncertainty in Surface
// Normal Estimation" (arXiv 2109.09881), published as scannet.pt. A decoder grows the encoder's
// maps to an 8th of the picture and guesses there; small perceptrons, run at every pixel, refine
// the guess at a 4th, half and full size.
//
// In: RGB [1, 3, H, W] with ImageNet's mean and deviation taken off, sides multiples of 8. Out:
// [1, 4, H, W]: the normal's x, y and z, of length 1, and how sure it is (kappa).
#include <ATen/ops/cat.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "sdk/engine/annotators/efficientnet.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t directions = 4;  // x, y, z and kappa

at::Tensor stretched(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return at::upsample_bilinear2d(x, {height, width}, /*align_corners=*/true);
}

at::Tensor normalized(const at::Tensor& guess) {
  const auto normal = guess.narrow(1, 0, 3);
  const auto length = at::linalg_vector_norm(normal, 2, {1}, /*keepdim=*/true) + 1e-10;
  const auto kappa = at::elu(guess.narrow(1, 3, 1)) + 1.01;
  return at::cat({normal / length, kappa}, 1);
}

// The map grown to the size of the encoder's next finer one, and both looked at together.
struct UpSample {
  UpSample(const Weights& weights, std::int64_t in, std::int64_t out)
      : conv1(weights.scope("_net.0"), {.in = in, .out = out}, weights.scope("_net.1")),
        conv2(weights.scope("_net.3"), {.in = out, .out = out}, weights.scope("_net.4")) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& finer) const {
    const auto both = at::cat({stretched(x, finer.size(2), finer.size(3)), finer}, 1);
    return at::leaky_relu(conv2(at::leaky_relu(conv1(both))));
  }

  Convolution conv1, conv2;
};

// A guess at twice the size, from the features and the last guess.
struct Refinement {
  Refinement(const Weights& weights, std::int64_t features) {
    constexpr std::int64_t hidden = 128;
    const std::array<std::int64_t, 5> widths = {features + directions, hidden, hidden, hidden,
                                                directions};
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      const auto layer = weights.scope(fmt::format("{}", 2 * i));
      const auto in = widths[i], out = widths[i + 1];
      // In the file over rows of pixels.
      auto& conv = layers.emplace_back(layer.tensor("weight", {out, in, 1}).unsqueeze(3),
                                       Convolution::Shape{.in = in,
                                                          .out = out,
                                                          .kernel = 1,
                                                          .padding = 0});
      conv.bias = layer.tensor("bias", {out});
    }
  }

  at::Tensor operator()(const at::Tensor& features, const at::Tensor& guess) const {
    const auto height = 2 * features.size(2), width = 2 * features.size(3);
    auto x = at::cat({stretched(features, height, width), stretched(guess, height, width)}, 1);
    for (std::size_t i = 0; i < layers.size(); ++i) x = layers[i](i == 0 ? x : at::relu(x));
    return normalized(x);
  }

  std::vector<Convolution> layers;
};

class NormalBae {
 public:
  explicit NormalBae(const Weights& weights)
      : NormalBae(weights.scope("encoder.original_model"), weights.scope("decoder")) {}

  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  std::vector<at::Tensor> operator()(const at::Tensor& pixels) const {
    check_multiple(pixels, 8);
    const auto maps = encoder_(pixels);
    auto x = conv2_(maps[4]);
    std::vector<at::Tensor> features;
    for (std::size_t i = 0; i < up_.size(); ++i) {
      x = up_[i](x, maps[3 - i]);
      features.push_back(x);
    }
    auto guess = normalized(first_guess_(features[1]));
    for (std::size_t i = 0; i < refinements_.size(); ++i)
      guess = refinements_[i](features[i + 1], guess);
    return {guess};
  }

 private:
  NormalBae(const Weights& encoder, const Weights& decoder)
      : encoder_(encoder),
        conv2_(decoder.scope("conv2"), {.in = deepest, .out = deepest, .kernel = 1, .padding = 0}),
        first_guess_(decoder.scope("out_conv_res8"), {.in = 512, .out = directions}) {
    std::int64_t in = deepest;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      up_.emplace_back(decoder.scope(fmt::format("up{}", i + 1)),
                       in + EfficientNetB5::channels[3 - i], widths[i]);
      in = widths[i];
    }
    for (std::size_t i = 1; i < widths.size(); ++i)
      refinements_.emplace_back(decoder.scope(fmt::format("out_conv_res{}", 8 >> i)), widths[i]);
  }

  static constexpr std::int64_t deepest = EfficientNetB5::channels[4];
  static constexpr std::array<std::int64_t, 4> widths = {1024, 512, 256, 128};

  EfficientNetB5 encoder_;
  Convolution conv2_;
  std::vector<UpSample> up_;
  Convolution first_guess_;
  std::vector<Refinement> refinements_;
};

// The file is a checkpoint of the training, saved from within a wrapper for several devices.
weights::WeightMap with_model_names(weights::WeightMap tensors) {
  weights::WeightMap renamed;
  for (auto& [full_name, tensor] : tensors) {
    std::string_view name = full_name;
    for (const std::string_view wrapper : {"model.", "module."}) {
      if (name.starts_with(wrapper)) name.remove_prefix(wrapper.size());
    }
    renamed.emplace(name, std::move(tensor));
  }
  return renamed;
}

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_normalbae(const std::filesystem::path& place,
                                                       const Compute& compute, const Warn& warn) {
  auto tensors = with_model_names(read_network_tensors(place));
  // The norm behind the encoder's last convolution is in the file; the decoder reads before it.
  drop_tensors(tensors, {"encoder.original_model.bn2."});
  return make_network<NormalBae>(std::move(tensors), place, compute, warn);
}

}  // namespace dream::engine
