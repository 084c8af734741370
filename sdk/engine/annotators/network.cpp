#include "sdk/engine/annotators/network.hpp"

#include <numeric>

#include "weights/store/loose_component.hpp"

namespace dream::engine {

weights::WeightMap read_network_tensors(const std::filesystem::path& path) {
  auto tensors = weights::read_loose_component(path).tensors;
  std::erase_if(tensors,
                [](const auto& tensor) { return tensor.first.ends_with("num_batches_tracked"); });
  return tensors;
}

Compute network_compute(const Compute& engine) {
  return {.dtype = at::kFloat, .device = engine.device};
}

std::int64_t byte_count(const Weights& weights) {
  std::int64_t bytes = 0;
  for (const auto& [name, shape] : weights.shapes()) {
    bytes += std::accumulate(shape.begin(), shape.end(), std::int64_t{sizeof(float)},
                             std::multiplies<>());
  }
  return bytes;
}

}  // namespace dream::engine
