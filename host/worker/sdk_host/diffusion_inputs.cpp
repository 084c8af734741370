#include "host/worker/sdk_host/diffusion_inputs.hpp"

#include <exception>

#include "sdk/engine/engine.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::worker {
namespace {

InputSpec text(std::string name, std::string description, std::string default_value) {
  InputSpec input;
  input.name = std::move(name);
  input.type = DREAM_STRING;
  input.description = std::move(description);
  input.default_value = std::move(default_value);
  return input;
}

InputSpec ranged(std::string name, dream_type type, std::string description, double ge, double le,
                 nlohmann::json default_value) {
  InputSpec input;
  input.name = std::move(name);
  input.type = type;
  input.description = std::move(description);
  input.ge = ge;
  input.le = le;
  input.default_value = std::move(default_value);
  return input;
}

InputSpec side(std::string name, std::string description) {
  InputSpec input;
  input.name = std::move(name);
  input.type = DREAM_INTEGER;
  input.description = std::move(description);
  input.nullable = true;
  for (const int size : {128, 256, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024})
    input.choices.emplace_back(size);
  return input;
}

InputSpec scheduler() {
  InputSpec input =
      text("scheduler", "The scheduler that steers the denoising steps.", "DPMSolverMultistep");
  for (const char* name : engine::scheduler_names) input.choices.emplace_back(name);
  return input;
}

InputSpec seed() {
  InputSpec input;
  input.name = "seed";
  input.type = DREAM_INTEGER;
  input.description = "Random seed; leave it empty to draw one. Picture i uses seed + i.";
  input.nullable = true;
  return input;
}

InputSpec karras() {
  InputSpec input;
  input.name = "karras";
  input.type = DREAM_BOOLEAN;
  input.description = "Space the noise levels after Karras; only for schedulers that can.";
  input.default_value = false;
  return input;
}

InputSpec output_format() {
  InputSpec input = text("output_format", "File format of the pictures.", "png");
  for (const char* format : {"png", "jpg", "webp"}) input.choices.emplace_back(format);
  return input;
}

}  // namespace

std::vector<InputSpec> diffusion_inputs(const DiffusionDefaults& defaults) {
  return {
      text("prompt", "What to draw.", defaults.prompt),
      text("negative_prompt", "What the picture should not show.", ""),
      side("width",
           "Width in pixels; the model's own size when empty. "
           "Width x height may be at most 786432."),
      side("height",
           "Height in pixels; the model's own size when empty. "
           "Width x height may be at most 786432."),
      ranged("num_outputs", DREAM_INTEGER, "Number of pictures.", 1, 10, 1),
      ranged("num_inference_steps", DREAM_INTEGER, "Number of denoising steps.", 1, 500, 50),
      ranged("guidance_scale", DREAM_NUMBER,
             "How closely to follow the prompt (scale of classifier-free guidance).", 1, 20, 7.5),
      scheduler(),
      seed(),
      ranged("clip_skip", DREAM_INTEGER, "Layers left out at the end of the text encoder.", 0, 11,
             0),
      karras(),
      output_format(),
      ranged("output_quality", DREAM_INTEGER, "Quality of jpg and webp files; png is lossless.", 1,
             100, 95),
  };
}

DiffusionDefaults diffusion_defaults(const std::filesystem::path& weights) {
  DiffusionDefaults defaults;
  if (weights.empty() || weights == "none") return defaults;
  try {
    const auto folder = weights::ModelFolder::open(weights);
    if (folder.args() && folder.args()->is_object()) {
      const auto found = folder.args()->find("instance_prompt");
      if (found != folder.args()->end() && found->is_string() && *found != "")
        defaults.prompt = found->get<std::string>();
    }
  } catch (const std::exception&) {
    return {};
  }
  return defaults;
}

}  // namespace dream::worker
