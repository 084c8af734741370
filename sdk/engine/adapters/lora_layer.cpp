#include "sdk/engine/adapters/lora_layer.hpp"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {
namespace {

bool begins(const LoraLayer& layer, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return layer.has(part); });
}

void need(const LoraLayer& layer, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (layer.has(part)) continue;
    layer.fail(fmt::format("is incomplete: {} without \"{}\"", layer.keys(), part));
  }
}

// A LoKr factor is whole or a product.
void need_factor(const LoraLayer& layer, const std::string& whole) {
  if (layer.has(whole)) return;
  for (const auto& part : {whole + "_a", whole + "_b"}) {
    if (layer.has(part)) continue;
    layer.fail(fmt::format("is incomplete: {} without \"{}\"", layer.keys(), part));
  }
}

bool is_low_rank(const LoraLayer& layer) {
  if (!begins(layer, {"down", "up", "mid"})) return false;
  need(layer, {"down", "up"});
  return true;
}

bool is_hadamard(const LoraLayer& layer) {
  if (!begins(layer, {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"}))
    return false;
  need(layer, {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"});
  if (begins(layer, {"hada_t1", "hada_t2"})) need(layer, {"hada_t1", "hada_t2"});
  return true;
}

bool is_kronecker(const LoraLayer& layer) {
  if (!begins(layer, {"lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b",
                      "lokr_t2"}))
    return false;
  need_factor(layer, "lokr_w1");
  need_factor(layer, "lokr_w2");
  return true;
}

}  // namespace

void LoraLayer::add(const std::string& part, std::string key, weights::TensorView view) {
  const auto [found, is_new] = parts_.try_emplace(part, Part{key, std::move(view)});
  if (is_new) return;
  fail(fmt::format("names one layer twice: \"{}\" and \"{}\"", found->second.key, key));
}

void LoraLayer::state_alpha(std::optional<double> alpha, bool rank_root) {
  alpha_ = alpha;
  rank_root_ = rank_root;
}

at::Tensor LoraLayer::tensor(std::string_view part, at::Device device) const {
  const auto found = parts_.find(part);
  if (found == parts_.end())
    fail(fmt::format("is incomplete: {} without \"{}\"", keys(), part));
  const auto tensor = read_tensor(found->second.view).to(device, at::kFloat);
  if (!at::isfinite(tensor).all().item<bool>()) {
    fail(fmt::format("is broken: \"{}\" holds NaN or infinite values", found->second.key));
  }
  return tensor;
}

double LoraLayer::scale(std::int64_t rank) const {
  auto alpha = alpha_;
  if (has("alpha")) {
    const auto stated = tensor("alpha", at::kCPU);
    if (stated.numel() != 1)
      fail(fmt::format("is broken: \"{}\" is no single number", key("alpha")));
    alpha = stated.item<double>();
  }
  double scale = 1;
  const auto ranks = static_cast<double>(rank);
  if (alpha && rank > 0) scale = *alpha / (rank_root_ ? std::sqrt(ranks) : ranks);
  if (has("scalar")) scale *= tensor("scalar", at::kCPU).flatten()[0].item<double>();
  return scale;
}

std::vector<std::string> LoraLayer::key_list() const {
  std::vector<std::string> keys;
  for (const auto& [part, value] : parts_) keys.push_back(value.key);
  return keys;
}

std::string LoraLayer::keys() const {
  return fmt::format("\"{}\"", fmt::join(key_list(), "\", \""));
}

bool LoraLayer::changes_weight() const {
  // Every layout is asked, so that each is known to be whole.
  const std::array present = {is_low_rank(*this), is_hadamard(*this), is_kronecker(*this),
                              has("diff")};
  return std::ranges::find(present, true) != present.end();
}

at::Tensor LoraLayer::as_shape_of(const at::Tensor& change, const at::Tensor& target,
                                  std::string_view name) const {
  // A 1x1 convolution and a linear layer are the same matrix; a flat change of a convolution, too.
  const bool fits = change.dim() > 0 && target.dim() > 0 && change.size(0) == target.size(0) &&
                    change.numel() == target.numel() &&
                    (change.dim() < 3 || target.dim() < 3 || change.sizes() == target.sizes());
  if (!fits) {
    fail(fmt::format("does not fit this model: {} change a weight of shape [{}], the model's "
                     "\"{}\" has [{}]",
                     keys(), fmt::join(change.sizes(), ", "), name,
                     fmt::join(target.sizes(), ", ")));
  }
  return change.reshape(target.sizes());
}

at::Tensor LoraLayer::weight_change(const at::Tensor& weight, std::string_view name,
                                    double strength) const {
  auto sum = at::zeros_like(weight);
  const auto device = weight.device();
  if (is_low_rank(*this)) sum += as_shape_of(low_rank_change(*this, device), weight, name);
  if (is_hadamard(*this)) sum += as_shape_of(hadamard_change(*this, device), weight, name);
  if (is_kronecker(*this)) sum += as_shape_of(kronecker_change(*this, device), weight, name);
  if (has("diff")) sum += as_shape_of(tensor("diff", device), weight, name);
  if (has("dora_scale") || has("magnitude")) return with_magnitude(*this, weight, sum, strength);
  return sum * strength;
}

at::Tensor LoraLayer::bias_change(const at::Tensor& bias, std::string_view name,
                                  double strength) const {
  auto sum = at::zeros_like(bias);
  if (has("diff_b")) sum += as_shape_of(tensor("diff_b", bias.device()), bias, name);
  if (has("up_bias")) {
    const auto rank = tensor("down", bias.device()).size(0);
    sum += as_shape_of(tensor("up_bias", bias.device()), bias, name) * scale(rank);
  }
  return sum * strength;
}

void LoraLayer::fail(const std::string& what) const {
  throw InvalidInput(fmt::format("lora {} {}", title_, what));
}

}  // namespace dream::engine
