// DoRA on top of any layout. LyCORIS and kohya store `dora_scale`, [out, 1 …] or (older)
// [1, in, 1 …], the axis whose norms it states; PEFT stores `lora_magnitude_vector`, one number per
// output.
#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <vector>

#include "sdk/engine/adapters/lora_layer.hpp"

namespace dream::engine {
namespace {

// Norm over every axis but `axis`, shaped to multiply the tensor.
at::Tensor norms(const at::Tensor& tensor, std::int64_t axis) {
  std::vector<std::int64_t> others;
  for (std::int64_t i = 0; i < tensor.dim(); ++i) {
    if (i != axis) others.push_back(i);
  }
  return at::linalg_vector_norm(tensor, 2, others, /*keepdim=*/true);
}

std::int64_t axis_of(const LoraLayer& layer, const at::Tensor& magnitude,
                     const at::Tensor& weight) {
  if (weight.dim() >= 2) {
    const bool by_output = magnitude.numel() == weight.size(0) &&
                           (magnitude.dim() < 2 || magnitude.size(0) == weight.size(0));
    if (by_output) return 0;
    const bool by_input = magnitude.dim() >= 2 && magnitude.size(1) == weight.size(1) &&
                          magnitude.numel() == weight.size(1);
    if (by_input) return 1;
  }
  layer.fail(fmt::format("does not fit this model: the magnitudes [{}] of {} are neither one per "
                         "output nor one per input of a weight [{}]",
                         fmt::join(magnitude.sizes(), ", "), layer.keys(),
                         fmt::join(weight.sizes(), ", ")));
}

at::Tensor shaped(const at::Tensor& magnitude, const at::Tensor& weight, std::int64_t axis) {
  std::vector<std::int64_t> shape(weight.dim(), 1);
  shape[axis] = weight.size(axis);
  return magnitude.reshape(shape);
}

}  // namespace

at::Tensor with_magnitude(const LoraLayer& layer, const at::Tensor& weight,
                          const at::Tensor& change, double strength) {
  if (layer.has("magnitude")) {
    // As peft computes it: the strength lies inside the norm. A convolution's is [1, out, 1, 1].
    const auto magnitude = layer.tensor("magnitude", weight.device()).flatten();
    const auto axis = axis_of(layer, magnitude, weight);
    const auto moved = weight + change * strength;
    return moved * (shaped(magnitude, weight, axis) / norms(moved, axis)) - weight;
  }
  const auto magnitude = layer.tensor("dora_scale", weight.device());
  const auto axis = axis_of(layer, magnitude, weight);
  const auto moved = weight + change;
  constexpr auto smallest = std::numeric_limits<float>::epsilon();
  const auto scale = shaped(magnitude, weight, axis) / (norms(moved, axis) + smallest);
  return (moved * scale - weight) * strength;
}

}  // namespace dream::engine
