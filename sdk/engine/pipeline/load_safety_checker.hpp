// Where a model's safety checker comes from: its own folder, else the model store's.
#pragma once

#include <filesystem>
#include <memory>

#include "sdk/engine/models/safety_checker.hpp"

namespace dream::weights {
class ModelFolder;
}

namespace dream::engine {

// What the model names and carries, with its feature extractor; else what lies at `fallback`: a
// folder (config.json, weights, preprocessor_config.json where it is not as usual), or a weight
// file, which must have the published checker's architecture. Null where there is neither. `warn`
// is told of a checker of another class. Throws std::runtime_error naming file and key or tensor.
std::shared_ptr<const StableDiffusionSafetyChecker> load_safety_checker(
    const weights::ModelFolder& model, const std::filesystem::path& fallback,
    const Compute& compute, const Warn& warn);

}  // namespace dream::engine
