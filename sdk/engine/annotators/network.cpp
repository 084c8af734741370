#include "sdk/engine/annotators/network.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weights/store/loose_component.hpp"

namespace dream::engine {

weights::WeightMap without_counters(weights::WeightMap tensors) {
  std::erase_if(tensors,
                [](const auto& tensor) { return tensor.first.ends_with("num_batches_tracked"); });
  return tensors;
}

weights::WeightMap read_network_tensors(const std::filesystem::path& path) {
  return without_counters(weights::read_loose_component(path).tensors);
}

weights::WeightMap unwrapped(weights::WeightMap tensors) {
  constexpr std::string_view wrapper = "module.";
  weights::WeightMap result;
  for (auto& [name, tensor] : tensors) {
    const bool wrapped = name.starts_with(wrapper);
    result.emplace(wrapped ? name.substr(wrapper.size()) : name, std::move(tensor));
  }
  return result;
}

void drop_tensors(weights::WeightMap& tensors, std::initializer_list<std::string_view> prefixes) {
  std::erase_if(tensors, [&](const auto& tensor) {
    return std::ranges::any_of(prefixes, [&](std::string_view prefix) {
      return tensor.first.starts_with(prefix);
    });
  });
}

Compute network_compute(const Compute& engine) {
  return {.dtype = at::kFloat, .device = engine.device};
}

void check_multiple(const at::Tensor& pixels, std::int64_t multiple) {
  const auto height = pixels.size(2), width = pixels.size(3);
  if (height % multiple == 0 && width % multiple == 0) return;
  throw InvalidInput(fmt::format("the picture is {}x{}: allowed are multiples of {} pixels", width,
                                 height, multiple));
}

}  // namespace dream::engine
