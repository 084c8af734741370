// One component by itself, outside of a model: what the model store has of a safety checker.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "weights/tensor_view.hpp"

namespace dream::weights {

struct LooseComponent {
  std::optional<nlohmann::json> config;        // config.json
  std::optional<nlohmann::json> preprocessor;  // preprocessor_config.json, where it lies beside it
  WeightMap tensors;
};

// A folder, whose config.json must be there, or a weight file without configs. Throws Error that
// names the path.
LooseComponent read_loose_component(const std::filesystem::path& path);

}  // namespace dream::weights
