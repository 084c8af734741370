// LoKr: the Kronecker product of a small and a large factor, either of them possibly low-rank
// (arXiv 2309.14859), as LyCORIS stores them.
#include <ATen/ops/einsum.h>
#include <ATen/ops/kron.h>
#include <ATen/ops/matmul.h>

#include "sdk/engine/adapters/lora_layer.hpp"

namespace dream::engine {
namespace {

struct Factor {
  at::Tensor value;
  std::int64_t rank = 0;  // 0: whole
};

Factor factor(const LoraLayer& layer, const std::string& name, at::Device device) {
  if (layer.has(name)) return {layer.tensor(name, device)};
  const auto a = layer.tensor(name + "_a", device), b = layer.tensor(name + "_b", device);
  const auto broken = [&] { layer.fail("is broken: the ranks of " + layer.keys() + " differ"); };
  if (a.dim() < 2 || b.dim() < 2) broken();
  if (name == "lokr_w2" && layer.has("lokr_t2")) {
    // a is [rank, out], b [rank, in], the core [rank, rank, height, width].
    const auto core = layer.tensor("lokr_t2", device);
    if (core.dim() != 4 || a.dim() != 2 || b.dim() != 2 || core.size(0) != a.size(0) ||
        core.size(1) != b.size(0))
      broken();
    return {at::einsum("pqkl,qi,po->oikl", {core, b, a}), b.size(0)};
  }
  if (a.size(1) != b.size(0) || a.dim() != 2) broken();
  auto product = at::matmul(a, b.flatten(1));
  if (b.dim() == 4) product = product.view({a.size(0), b.size(1), b.size(2), b.size(3)});
  return {product, b.size(0)};
}

}  // namespace

at::Tensor kronecker_change(const LoraLayer& layer, at::Device device) {
  auto first = factor(layer, "lokr_w1", device);
  const auto second = factor(layer, "lokr_w2", device);
  if (first.value.dim() != 2 || second.value.dim() < 2)
    layer.fail("is broken: " + layer.keys() + " are no matrices");
  while (first.value.dim() < second.value.dim()) first.value = first.value.unsqueeze(-1);
  // Two whole factors have no rank to divide by: LyCORIS then trains without alpha.
  const auto rank = second.rank != 0 ? second.rank : first.rank;
  return at::kron(first.value, second.value.contiguous()) * layer.scale(rank);
}

}  // namespace dream::engine
