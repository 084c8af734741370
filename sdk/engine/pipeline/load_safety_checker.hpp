// Where a model's safety checker comes from: its own folder, else the model store's.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/models/safety_checker.hpp"

namespace dream::weights {
class ModelFolder;
}

namespace dream::engine {

struct SafetyCheckerFiles {
  std::filesystem::path place;  // of the folder or the file
  nlohmann::json config;
  std::optional<nlohmann::json> processor;  // preprocessor_config.json
  std::string config_name, processor_name;  // what messages call the two
  weights::WeightMap tensors;
  std::vector<std::filesystem::path> files;  // the weights lie in
};

// What the model names and carries, with its feature extractor; else what lies at `fallback`: a
// folder (config.json, weights, preprocessor_config.json where it is not as usual), or a weight
// file, which must have the published checker's architecture. nullopt where there is neither.
// `warn` is told of a checker of another class. Throws std::runtime_error naming the file.
std::optional<SafetyCheckerFiles> find_safety_checker(const weights::ModelFolder& model,
                                                      const std::filesystem::path& fallback,
                                                      const Warn& warn);

// Throws std::runtime_error naming file and key or tensor.
StableDiffusionSafetyChecker make_safety_checker(const SafetyCheckerFiles& files,
                                                 const Weights& weights, const Warn& warn);

}  // namespace dream::engine
