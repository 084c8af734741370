// LoRA (arXiv 2106.09685) and LoCon: two thin matrices, around convolutions with a Tucker core
// between them (arXiv 2309.14859, LyCORIS).
#include <ATen/ops/einsum.h>
#include <ATen/ops/matmul.h>

#include "sdk/engine/adapters/lora_layer.hpp"

namespace dream::engine {

at::Tensor low_rank_change(const LoraLayer& layer, at::Device device) {
  const auto down = layer.tensor("down", device), up = layer.tensor("up", device);
  if (down.dim() < 2 || up.dim() < 2) layer.fail("is broken: " + layer.keys() + " are no matrices");
  const auto rank = down.size(0);
  const auto rows = up.flatten(1);  // [out, rank]
  if (layer.has("mid")) {
    const auto mid = layer.tensor("mid", device), columns = down.flatten(1);
    if (mid.dim() != 4 || mid.size(0) != rows.size(1) || mid.size(1) != columns.size(0))
      layer.fail("is broken: the ranks of " + layer.keys() + " differ");
    return at::einsum("op,pqkl,qi->oikl", {rows, mid, columns}) * layer.scale(rank);
  }
  if (rows.size(1) != rank) layer.fail("is broken: the ranks of " + layer.keys() + " differ");
  auto change = at::matmul(rows, down.flatten(1)) * layer.scale(rank);
  if (down.dim() == 4)
    change = change.view({rows.size(0), down.size(1), down.size(2), down.size(3)});
  return change;
}

}  // namespace dream::engine
