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

std::string syntax_name(engine::PromptSyntax syntax) {
  if (syntax == engine::PromptSyntax::a1111) return "a1111";
  return syntax == engine::PromptSyntax::plain ? "plain" : "compel";
}

// The LoRAs that the prompt does not name itself, as that web UI names them.
std::string lora_tags(const engine::GenerateRequest& request) {
  std::string tags;
  for (const auto& lora : request.loras) {
    const auto holds = [&](const char* end) {
      return request.prompt.find("<lora:" + lora.name + end) != std::string::npos;
    };
    const bool named = request.prompt_syntax != engine::PromptSyntax::plain &&
                       (holds(":") || holds(">"));
    if (!named) tags += fmt::format(" <lora:{}:{}>", lora.name, lora.scale);
  }
  return tags;
}

// Text with a comma or a colon stands in quotes there.
std::string in_quotes(const std::string& text) {
  if (text.find_first_of(",:\"\n") == std::string::npos) return text;
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The annotator behind a control's map; null: none, the map was given.
nlohmann::json map_of(const PictureSettings& settings, std::size_t control) {
  const auto& maps = settings.control_maps;
  return control < maps.size() ? maps[control] : nlohmann::json{{"annotator", nullptr}};
}

// As that web UI's extension for ControlNets names them.
std::string controlnet_units(const PictureSettings& settings) {
  std::string text;
  const auto& controls = settings.request.controls;
  for (std::size_t i = 0; i < controls.size(); ++i) {
    const auto annotator = map_of(settings, i)["annotator"];
    text += fmt::format(
        ", ControlNet {}: \"Module: {}, Model: {}, Weight: {}, Guidance Start: {}, "
        "Guidance End: {}\"",
        i, annotator.is_null() ? "none" : annotator.get<std::string>(), controls[i].name,
        controls[i].scale, controls[i].guidance_start, controls[i].guidance_end);
  }
  return text;
}

nlohmann::json control_settings(const PictureSettings& settings, std::size_t index) {
  const engine::Control& control = settings.request.controls[index];
  nlohmann::json json = map_of(settings, index);
  json["network"] = control.name;
  json["scale"] = control.scale;
  json["guidance_start"] = control.guidance_start;
  json["guidance_end"] = control.guidance_end;
  return json;
}

std::string parameters(const PictureSettings& settings) {
  const engine::GenerateRequest& request = settings.request;
  std::string text = request.prompt + lora_tags(request);
  if (!request.negative_prompt.empty()) text += "\nNegative prompt: " + request.negative_prompt;
  text += fmt::format("\nSteps: {}, Sampler: {}", request.num_inference_steps,
                      sampler_name(request.scheduler));
  if (request.karras) text += ", Schedule type: Karras";
  text += fmt::format(", CFG scale: {}, Seed: {}, Size: {}x{}", request.guidance_scale,
                      settings.seed, settings.width, settings.height);
  if (request.image) text += fmt::format(", Denoising strength: {}", request.prompt_strength);
  if (!settings.model.empty()) text += ", Model: " + in_quotes(settings.model);
  if (request.clip_skip > 0) text += fmt::format(", Clip skip: {}", request.clip_skip + 1);
  if (request.eta > 0) text += fmt::format(", Eta DDIM: {}", request.eta);
  if (request.guidance_rescale > 0)
    text += fmt::format(", Guidance rescale: {}", request.guidance_rescale);
  text += controlnet_units(settings);
  text += ", Prompt syntax: " + syntax_name(request.prompt_syntax);
  std::string names;
  for (const auto& embedding : request.embeddings)
    names += (names.empty() ? "" : ", ") + embedding.name;
  if (!names.empty()) text += ", Embeddings: " + in_quotes(names);
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
  json["prompt_syntax"] = syntax_name(request.prompt_syntax);
  for (const auto& lora : request.loras)
    json["lora"].push_back(fmt::format("{}@{}", lora.name, lora.scale));
  for (const auto& embedding : request.embeddings) json["embeddings"].push_back(embedding.name);
  for (std::size_t i = 0; i < request.controls.size(); ++i)
    json["controls"].push_back(control_settings(settings, i));
  if (request.guess_mode) json["guess_mode"] = true;
  if (request.guidance_rescale > 0) json["guidance_rescale"] = request.guidance_rescale;
  if (request.eta > 0) json["eta"] = request.eta;
  if (request.image || !request.controls.empty()) json["resize_mode"] = settings.resize_mode;
  if (request.image) json["prompt_strength"] = request.prompt_strength;
  if (request.mask) json["paste_original"] = request.paste_original;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::vector<PngText> picture_text(const PictureSettings& settings) {
  return {{"parameters", parameters(settings)}, {"dream", all_settings(settings)}};
}

}  // namespace dream::worker::imaging
