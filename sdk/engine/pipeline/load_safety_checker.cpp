#include "sdk/engine/pipeline/load_safety_checker.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "sdk/engine/pipeline/stages.hpp"
#include "weights/store/loose_component.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* known_class = "StableDiffusionSafetyChecker";
constexpr const char* processor_file = "preprocessor_config.json";

// CLIP ViT-L/14, as every published checker.
nlohmann::json published_config() {
  return {{"projection_dim", 768},
          {"vision_config",
           {{"hidden_size", 1024},
            {"intermediate_size", 4096},
            {"num_attention_heads", 16},
            {"num_hidden_layers", 24},
            {"patch_size", 14}}}};
}

SafetyCheckerFiles from_model(const weights::ModelFolder& model) {
  auto read = model.read("safety_checker");
  SafetyCheckerFiles found{.place = model.where("safety_checker"),
                           .config = model.config("safety_checker"),
                           .processor = {},
                           .config_name = "safety_checker/config.json",
                           .processor_name = fmt::format("feature_extractor/{}", processor_file),
                           .tensors = std::move(read.tensors),
                           .files = std::move(read.files)};
  if (model.has("feature_extractor")) found.processor = model.config("feature_extractor");
  return found;
}

SafetyCheckerFiles from_store(const fs::path& path) {
  auto stored = weights::read_loose_component(path);
  return {.place = path,
          .config = stored.config.value_or(published_config()),
          .processor = std::move(stored.preprocessor),
          .config_name = (path / "config.json").string(),
          .processor_name = (path / processor_file).string(),
          .tensors = std::move(stored.tensors),
          .files = {fs::is_directory(path)
                        ? weights::find_weight_file(path).value_or(path)
                        : path}};
}

}  // namespace

std::optional<SafetyCheckerFiles> find_safety_checker(const weights::ModelFolder& model,
                                                      const fs::path& fallback, const Warn& warn) {
  if (model.has("safety_checker")) {
    const auto name = model.class_name("safety_checker");
    if (name == known_class) return from_model(model);
    if (warn) {
      warn(fmt::format("model_index.json: the safety checker is a {}, which is not known and not "
                       "used; known is {}",
                       name, known_class));
    }
  }
  if (fallback.empty()) return std::nullopt;
  return from_store(fallback);
}

StableDiffusionSafetyChecker make_safety_checker(const SafetyCheckerFiles& files,
                                                 const Weights& weights, const Warn& warn) {
  const auto config = read_safety_checker_config({files.config, files.config_name}, warn);
  CLIPImageProcessor processor;
  processor.shortest_edge = processor.crop = static_cast<int>(config.vision.image_size);
  if (files.processor)
    processor = read_clip_image_processor({*files.processor, files.processor_name}, warn);
  return {config, processor, weights};
}

bool is_flagged(const Components& parts, const Image& image) {
  return parts.safety_checker &&
         parts.safety_checker->scores({image.width, image.height, 3, image.pixels}).flagged();
}

}  // namespace dream::engine
