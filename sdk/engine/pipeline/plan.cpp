#include "sdk/engine/pipeline/plan.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "sdk/engine/schedulers/scheduler.hpp"

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

}  // namespace

void check_clip_skip(int clip_skip, const Components& parts) {
  check_range("clip_skip", clip_skip, 0, static_cast<int>(parts.text_encoder.config().layers) - 1);
}

Plan make_plan(const GenerateRequest& request, const Components& parts) {
  const auto multiple = parts.vae.config().scale();
  const auto native = parts.unet.config().sample_size * multiple;
  Plan plan;
  plan.width = checked_side("width", request.width, native, multiple);
  plan.height = checked_side("height", request.height, native, multiple);
  if (plan.width * plan.height > max_pixels) {
    throw InvalidInput(fmt::format("width x height is {} x {} = {} pixels: at most {} are allowed",
                                   plan.width, plan.height, plan.width * plan.height, max_pixels));
  }
  check_range("num_outputs", request.num_outputs, 1, max_pictures);
  check_range("num_inference_steps", request.num_inference_steps, 1, max_steps);
  check_clip_skip(request.clip_skip, parts);
  if (!std::isfinite(request.guidance_scale) || request.guidance_scale < 0) {
    throw InvalidInput(
        fmt::format("guidance_scale is {}: allowed are 0 and above", request.guidance_scale));
  }
  plan.pictures = request.num_outputs;
  plan.steps = request.num_inference_steps;
  plan.guidance_scale = request.guidance_scale;
  plan.guided = request.guidance_scale > 1;
  // A scheduler that cannot be made, or not with so many steps, is refused here as well.
  make_scheduler(request.scheduler, parts.scheduler, {.karras = request.karras})
      ->set_timesteps(plan.steps);
  return plan;
}

}  // namespace dream::engine
