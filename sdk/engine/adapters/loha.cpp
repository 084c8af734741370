// LoHa: the element-wise product of two low-rank matrices (arXiv 2108.06098), for convolutions each
// with a Tucker core, as LyCORIS stores them.
#include <ATen/ops/einsum.h>
#include <ATen/ops/matmul.h>
#include <fmt/format.h>

#include "sdk/engine/adapters/lora_layer.hpp"

namespace dream::engine {
namespace {

// `index` is "1" or "2".
at::Tensor factor(const LoraLayer& layer, const std::string& index, at::Device device) {
  const auto a = layer.tensor("hada_w" + index + "_a", device);
  const auto b = layer.tensor("hada_w" + index + "_b", device);
  const auto broken = [&] { layer.fail("is broken: the ranks of " + layer.keys() + " differ"); };
  if (a.dim() != 2 || b.dim() != 2) broken();
  if (!layer.has("hada_t" + index)) {
    if (a.size(1) != b.size(0)) broken();
    return at::matmul(a, b);
  }
  // a is [rank, out], b [rank, in], the core [rank, rank, height, width].
  const auto core = layer.tensor("hada_t" + index, device);
  if (core.dim() != 4 || core.size(0) != a.size(0) || core.size(1) != b.size(0)) broken();
  return at::einsum("pqkl,qi,po->oikl", {core, b, a});
}

}  // namespace

at::Tensor hadamard_change(const LoraLayer& layer, at::Device device) {
  const auto first = factor(layer, "1", device), second = factor(layer, "2", device);
  if (first.sizes() != second.sizes())
    layer.fail("is broken: the two factors of " + layer.keys() + " differ in shape");
  return first * second * layer.scale(layer.tensor("hada_w1_b", device).size(0));
}

}  // namespace dream::engine
