#include "host/worker/imaging/picture_text.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

namespace dream::worker::imaging {
namespace {

// The names that web UI gives to diffusers' schedulers.
std::string sampler_name(const std::string& scheduler) {
  static const std::map<std::string, std::string> names = {{"DPMSolverMultistep", "DPM++ 2M"},
                                                           {"HeunDiscrete", "Heun"},
                                                           {"K_EULER", "Euler"},
                                                           {"K_EULER_ANCESTRAL", "Euler a"},
                                                           {"KLMS", "LMS"},
                                                           {"PNDM", "PLMS"},
                                                           {"UniPCMultistep", "UniPC"}};
  const auto found = names.find(scheduler);
  return found == names.end() ? scheduler : found->second;
}

std::string parameters(const PictureSettings& settings) {
  const engine::GenerateRequest& request = settings.request;
  std::string text = request.prompt;
  if (!request.negative_prompt.empty()) text += "\nNegative prompt: " + request.negative_prompt;
  text += fmt::format("\nSteps: {}, Sampler: {}", request.num_inference_steps,
                      sampler_name(request.scheduler));
  if (request.karras) text += ", Schedule type: Karras";
  text += fmt::format(", CFG scale: {}, Seed: {}, Size: {}x{}", request.guidance_scale,
                      settings.seed, settings.width, settings.height);
  if (request.image) text += fmt::format(", Denoising strength: {}", request.prompt_strength);
  if (!settings.model.empty()) text += ", Model: " + settings.model;
  if (request.clip_skip > 0) text += fmt::format(", Clip skip: {}", request.clip_skip + 1);
  return text + ", Version: dream-templates " DREAM_VERSION;
}

std::string all_settings(const PictureSettings& settings) {
  const engine::GenerateRequest& request = settings.request;
  nlohmann::json json = {{"version", DREAM_VERSION},
                               {"template", settings.template_name},
                               {"model", settings.model},
                               {"prompt", request.prompt},
                               {"negative_prompt", request.negative_prompt},
                               {"width", settings.width},
                               {"height", settings.height},
                               {"num_inference_steps", request.num_inference_steps},
                               {"guidance_scale", request.guidance_scale},
                               {"scheduler", request.scheduler},
                               {"karras", request.karras},
                               {"clip_skip", request.clip_skip},
                               {"seed", settings.seed}};
  if (request.image) json["prompt_strength"] = request.prompt_strength;
  if (request.mask) json["paste_original"] = request.paste_original;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::vector<PngText> picture_text(const PictureSettings& settings) {
  return {{"parameters", parameters(settings)}, {"dream", all_settings(settings)}};
}

}  // namespace dream::worker::imaging
