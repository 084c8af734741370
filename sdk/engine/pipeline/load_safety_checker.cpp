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
using Checker = std::shared_ptr<const StableDiffusionSafetyChecker>;

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

struct Source {
  Config config;
  std::optional<Config> processor;
  weights::WeightMap tensors;
};

Checker make(Source source, const Compute& compute, const Warn& warn) {
  const auto config = read_safety_checker_config(std::move(source.config), warn);
  CLIPImageProcessor processor;
  processor.shortest_edge = processor.crop = static_cast<int>(config.vision.image_size);
  if (source.processor) processor = read_clip_image_processor(std::move(*source.processor), warn);
  const Weights weights(std::move(source.tensors), "safety_checker", compute);
  auto checker = std::make_shared<const StableDiffusionSafetyChecker>(config, processor, weights);
  weights.report_unused(warn);
  return checker;
}

Source from_model(const weights::ModelFolder& model) {
  Source source{.config = {model.config("safety_checker"), "safety_checker/config.json"},
                .processor = {},
                .tensors = model.weights("safety_checker")};
  if (model.has("feature_extractor")) {
    source.processor.emplace(model.config("feature_extractor"),
                             fmt::format("feature_extractor/{}", processor_file));
  }
  return source;
}

Source from_store(const fs::path& path) {
  auto stored = weights::read_loose_component(path);
  const auto file = [&](const char* name) { return (path / name).string(); };
  Source source{.config = {stored.config.value_or(published_config()), file("config.json")},
                .processor = {},
                .tensors = std::move(stored.tensors)};
  if (stored.preprocessor)
    source.processor.emplace(std::move(*stored.preprocessor), file(processor_file));
  return source;
}

}  // namespace

Checker load_safety_checker(const weights::ModelFolder& model, const fs::path& fallback,
                            const Compute& compute, const Warn& warn) {
  if (model.has("safety_checker")) {
    const auto name = model.class_name("safety_checker");
    if (name == known_class) return make(from_model(model), compute, warn);
    if (warn) {
      warn(fmt::format("model_index.json: the safety checker is a {}, which is not known and not "
                       "used; known is {}",
                       name, known_class));
    }
  }
  return fallback.empty() ? nullptr : make(from_store(fallback), compute, warn);
}

bool is_flagged(const Components& parts, const Image& image) {
  return parts.safety_checker &&
         parts.safety_checker->scores({image.width, image.height, 3, image.pixels}).flagged();
}

}  // namespace dream::engine
