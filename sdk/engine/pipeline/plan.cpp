#include "sdk/engine/pipeline/plan.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "sdk/engine/pipeline/controls.hpp"
#include "sdk/engine/text/prompt_syntax.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t max_pixels = 768 * 1024;  // width x height
constexpr int max_pictures = 10, max_steps = 500;

void check_range(std::string_view input, int value, int lowest, int highest) {
  if (value >= lowest && value <= highest) return;
  throw InvalidInput(fmt::format("{} is {}: allowed are {} to {}", input, value, lowest, highest));
}

std::int64_t checked_side(std::string_view input, std::int64_t pixels, std::int64_t native,
                          std::int64_t multiple) {
  if (pixels == 0) return native;
  if (pixels < multiple || pixels % multiple != 0) {
    throw InvalidInput(fmt::format("{} is {}: allowed are positive multiples of {} (or 0 for {})",
                                   input, pixels, multiple, native));
  }
  return pixels;
}

void check_pixels(std::string_view input, int width, int height, std::size_t bytes, int channels,
                  const Plan& plan) {
  if (width != plan.width || height != plan.height) {
    throw InvalidInput(fmt::format("{} has {} x {} pixels: it must have the {} x {} of the output",
                                   input, width, height, plan.width, plan.height));
  }
  const auto expected = static_cast<std::size_t>(width) * height * channels;
  if (bytes == expected) return;
  throw InvalidInput(fmt::format("{} of {} x {} pixels has {} bytes: it must have {}", input, width,
                                 height, bytes, expected));
}

void check_share(std::string_view input, double value) {
  if (value >= 0 && value <= 1) return;
  throw InvalidInput(fmt::format("{} is {}: allowed are 0 to 1", input, value));
}

void check_prompt_loras(std::string_view input, const std::vector<PromptLora>& loras,
                        std::string_view written) {
  for (const auto& lora : loras) {
    throw InvalidInput(
        fmt::format("{} names the LoRA '{}' with {}: give it as lora \"{}@{}\" instead", input,
                    lora.name, written, lora.name, lora.scale));
  }
}

// What the syntaxes have and this engine has not, refused so that nothing is left out in silence.
// A LoRA acts on both prompts, but is looked for in one. compel's withLora() would need its LoRA
// before the prompt is read; the `lora` input has it then.
void check_prompts(const GenerateRequest& request) {
  if (request.prompt_syntax == PromptSyntax::plain) return;
  check_prompt_loras("negative_prompt", take_loras(request.negative_prompt).loras, "<lora:…>");
  if (request.prompt_syntax == PromptSyntax::compel) {
    check_prompt_loras("prompt", parse_compel(request.prompt).loras, "withLora()");
    check_prompt_loras("negative_prompt", parse_compel(request.negative_prompt).loras,
                       "withLora()");
    return;
  }
  if (const auto at = find_composition(request.prompt)) {
    throw InvalidInput(fmt::format(
        "prompt: AND at character {} would draw two prompts at once, which this engine does not "
        "do; write it small for the word",
        *at + 1));
  }
}

// diffusers starts a consistency model from a picture by laying all its steps out below the
// picture's noise (LatentConsistencyModelImg2ImgPipeline), not by leaving steps out.
bool keeps_all_steps(const GenerateRequest& request, const Components& parts) {
  return request.scheduler == "LCM" && parts.has_built_in_guidance() && !request.mask &&
         !parts.is_inpainting();
}

// Fills in what starting from a picture changes. Steps and rounding as in diffusers' get_timesteps.
void plan_image(const GenerateRequest& request, const Components& parts, Plan& plan) {
  if (!request.image) {
    if (!request.mask) return;
    throw InvalidInput("mask is given without image: give the picture to repaint");
  }
  const auto& image = *request.image;
  check_pixels("image", image.width, image.height, image.pixels.size(), 3, plan);
  if (request.mask) {
    const auto& mask = *request.mask;
    check_pixels("mask", mask.width, mask.height, mask.pixels.size(), 1, plan);
  }
  const double strength = request.prompt_strength;
  check_share("prompt_strength", strength);
  if (keeps_all_steps(request, parts)) {
    plan.scheduler.strength = strength;
    plan.from_noise = false;
    return;
  }
  plan.steps = static_cast<int>(plan.scheduled_steps * strength);
  if (plan.steps < 1) {
    // Rounded up: with a number rounded down, as 0.0204 for 49 steps, again none would remain.
    const double least = std::ceil(1000.0 / plan.scheduled_steps) / 1000;
    throw InvalidInput(fmt::format(
        "prompt_strength is {}: of {} steps (num_inference_steps) none would remain; allowed are "
        "{} and above",
        strength, plan.scheduled_steps, least));
  }
  plan.from_noise = strength == 1 && (request.mask || parts.is_inpainting());
}

}  // namespace

void check_clip_skip(int clip_skip, const Components& parts) {
  check_range("clip_skip", clip_skip, 0, static_cast<int>(parts.text_encoder.config().layers) - 1);
}

Plan make_plan(const GenerateRequest& request, const Components& parts) {
  const auto multiple = parts.vae.config().scale();
  const auto native = parts.unet.config().sample_size * multiple;
  Plan plan;
  const auto side = [&](int given, int of_image) {
    return given == 0 && request.image ? of_image : given;
  };
  const int image_width = request.image ? request.image->width : 0;
  const int image_height = request.image ? request.image->height : 0;
  plan.width = checked_side("width", side(request.width, image_width), native, multiple);
  plan.height = checked_side("height", side(request.height, image_height), native, multiple);
  if (plan.width * plan.height > max_pixels) {
    throw InvalidInput(fmt::format("width x height is {} x {} = {} pixels: at most {} are allowed",
                                   plan.width, plan.height, plan.width * plan.height, max_pixels));
  }
  check_range("num_outputs", request.num_outputs, 1, max_pictures);
  check_range("num_inference_steps", request.num_inference_steps, 1, max_steps);
  check_clip_skip(request.clip_skip, parts);
  check_prompts(request);
  if (!std::isfinite(request.guidance_scale) || request.guidance_scale < 0) {
    throw InvalidInput(
        fmt::format("guidance_scale is {}: allowed are 0 and above", request.guidance_scale));
  }
  plan.pictures = request.num_outputs;
  plan.scheduled_steps = plan.steps = request.num_inference_steps;
  plan.guidance_scale = request.guidance_scale;
  check_share("guidance_rescale", request.guidance_rescale);
  check_share("eta", request.eta);
  plan.guidance_rescale = request.guidance_rescale;
  plan.guided = request.guidance_scale > 1 && !parts.has_built_in_guidance();
  plan.scheduler = {.karras = request.karras, .eta = request.eta};
  plan_image(request, parts, plan);
  check_controls(request, parts, plan);
  // A scheduler that cannot be made, or not with so many steps, is refused here as well.
  make_scheduler(request.scheduler, parts.scheduler, plan.scheduler)
      ->set_timesteps(plan.scheduled_steps);
  return plan;
}

}  // namespace dream::engine
