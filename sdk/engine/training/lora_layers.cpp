#include "sdk/engine/training/lora_layers.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bernoulli.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/tensor/recompute.hpp"

namespace dream::engine {
namespace {

class LowRank final : public LinearAdapter {
 public:
  LowRank(LoraFactors factors, double scale, double dropout, at::Generator generator)
      : factors_(std::move(factors)),
        scale_(scale),
        dropout_(dropout),
        generator_(std::move(generator)) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                        const at::Tensor& bias) const override {
    const auto seen = dropped(x);
    const auto low = at::linear(at::linear(seen, factors_.down), factors_.up) * scale_;
    if (!factors_.magnitude.defined()) return y + low;
    const auto ratio = factors_.magnitude / norm(weight);
    auto plain = y;
    if (is_dropping()) {
      plain = at::linear(seen, weight);
    } else if (bias.defined()) {
      plain = y - bias;
    }
    return y + (ratio - 1) * plain + ratio * low;
  }

 private:
  bool is_dropping() const { return dropout_ > 0 && is_for_gradients(); }

  at::Tensor dropped(const at::Tensor& x) const {
    if (!is_dropping()) return x;
    const auto seen = at::empty(x.sizes(), at::kFloat).bernoulli_(1 - dropout_, generator_);
    return x * seen.to(x.options()) / (1 - dropout_);
  }

  // A constant to the gradients, as the paper proposes (section 4.3).
  at::Tensor norm(const at::Tensor& weight) const {
    const at::NoGradGuard constant;
    const auto whole = weight + at::matmul(factors_.up, factors_.down) * scale_;
    return at::linalg_vector_norm(whole, 2, {1});
  }

  LoraFactors factors_;
  double scale_, dropout_;
  mutable at::Generator generator_;
};

// The layer that a tensor is the weight of, if it is a linear one.
std::optional<std::string_view> linear_layer(std::string_view name,
                                             const std::vector<std::int64_t>& shape) {
  constexpr std::string_view ending = ".weight";
  if (shape.size() != 2 || !name.ends_with(ending) || name.ends_with("_embedding.weight"))
    return std::nullopt;
  name.remove_suffix(ending.size());
  return name;
}

bool names(std::string_view target, std::string_view layer) {
  if (!layer.ends_with(target)) return false;
  return layer.size() == target.size() || layer[layer.size() - target.size() - 1] == '.';
}

void check(const LoraTraining& settings) {
  constexpr int most = 1024;
  if (settings.rank < 1 || settings.rank > most)
    throw InvalidInput(fmt::format("rank is {}: allowed are 1 to {}", settings.rank, most));
  if (!std::isfinite(settings.alpha) || settings.alpha <= 0)
    throw InvalidInput(fmt::format("lora_alpha is {}: must be greater than 0", settings.alpha));
  if (!(settings.dropout >= 0 && settings.dropout < 1))
    throw InvalidInput(
        fmt::format("lora_dropout is {}: allowed are 0 to less than 1", settings.dropout));
}

}  // namespace

LoraLayers make_lora_layers(const Weights& weights, const std::vector<std::string>& targets,
                            const std::string& input, const LoraTraining& settings,
                            at::Generator& generator) {
  check(settings);
  std::vector<std::string> unmatched = targets;
  LoraLayers layers;
  const auto device = weights.compute().device;
  for (const auto& [name, shape] : weights.shapes()) {
    const auto layer = linear_layer(name, shape);
    if (!layer) continue;
    bool wanted = false;
    for (const auto& target : targets) {
      if (!names(target, *layer)) continue;
      wanted = true;
      std::erase(unmatched, target);
    }
    if (!wanted) continue;
    const auto out = shape[0], in = shape[1];
    auto& factors = layers[std::string(*layer)];
    factors.down = (at::randn({settings.rank, in}, generator, at::kFloat) / settings.rank)
                       .to(device)
                       .requires_grad_(true);
    factors.up = at::zeros({out, settings.rank}, at::TensorOptions(device)).requires_grad_(true);
    if (!settings.dora) continue;
    const auto weight = weights.tensor(name, shape).to(at::kFloat);
    factors.magnitude = at::linalg_vector_norm(weight, 2, {1}).requires_grad_(true);
  }
  if (!unmatched.empty())
    throw InvalidInput(fmt::format("{} holds \"{}\", which names no linear layer of this model",
                                   input, unmatched.front()));
  return layers;
}

LinearAdapters adapters_of(const LoraLayers& layers, const LoraTraining& settings,
                           const at::Generator& generator) {
  LinearAdapters adapters;
  for (const auto& [name, factors] : layers)
    adapters.emplace(name + ".weight",
                     std::make_shared<LowRank>(factors, settings.alpha / settings.rank,
                                               settings.dropout, generator));
  return adapters;
}

}  // namespace dream::engine
