// A model out of nothing: weights that are a closed formula of seed, tensor name and position, so
// that anyone, on any machine, gets the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "weights/tensor_view.hpp"

namespace dream::weights {

struct InitOptions {
  std::string architecture;  // of architecture_names()
  std::uint64_t seed = 0;
  DType dtype = DType::f32;  // f32, f16 or bf16
  std::filesystem::path tokenizer;  // folder that is copied; unused for a single component
};

// Writes a diffusers folder (for a ControlNet: its component folder) to `out`, which must not
// exist or be empty. Throws Error.
//
// Element i of tensor `name` is uniform in ±sqrt(3 / fan_in) (variance 1 / fan_in), in ±0.035 in
// embedding tables; norms are one, biases zero. The uniform number is
// 2^-23 * (h >> 40) - 1 with h = splitmix64(splitmix64(seed ^ fnv1a64(name)) + i), so every
// activation stays of order one and finite, at half precision too.
void init_model(const InitOptions& options, const std::filesystem::path& out);

// The formula, for one element.
float init_value(std::uint64_t seed, const std::string& name,
                 const std::vector<std::int64_t>& shape, std::uint64_t index);

}  // namespace dream::weights
