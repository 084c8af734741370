#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

// One UNet call: alone, or with the negative prompt's half beside it (arXiv 2207.12598).
at::Tensor predict(const Components& parts, const Plan& plan, const at::Tensor& sample,
                   double timestep, TextContext& text) {
  const auto input = sample.to(parts.compute.dtype);
  if (!plan.guided) return parts.unet.forward(input, timestep, text).to(at::kFloat);
  const auto both =
      parts.unet.forward(at::cat({input, input}), timestep, text).to(at::kFloat).chunk(2);
  return both[0] + plan.guidance_scale * (both[1] - both[0]);
}

}  // namespace

at::Tensor denoise(const Components& parts, const Plan& plan, Scheduler& scheduler,
                   at::Tensor latents, TextContext& text, at::Generator& generator,
                   const std::function<bool(int done)>& after_step) {
  const auto timesteps = scheduler.timesteps();
  // Some methods call the model more often than they have steps; the first calls are then warm-up.
  const auto warm_up = std::max<int>(0, static_cast<int>(timesteps.size()) - plan.steps);
  for (int i = 0; i < static_cast<int>(timesteps.size()); ++i) {
    const auto sample = scheduler.scale_model_input(latents, timesteps[i]);
    const auto prediction = predict(parts, plan, sample, timesteps[i], text);
    latents = scheduler.step(prediction, timesteps[i], latents, generator);
    const int done = i + 1 - warm_up;
    if (done > 0 && after_step && !after_step(done)) throw Canceled();
  }
  return latents;
}

at::Tensor draw_latents(const Components& parts, const GenerateRequest& request, const Plan& plan,
                        int index, TextContext& text) {
  auto generator = picture_generator(request.seed, index);
  auto scheduler = make_scheduler(request.scheduler, parts.scheduler, {.karras = request.karras});
  scheduler->set_timesteps(plan.steps);
  auto latents = initial_noise(parts, plan, generator) * scheduler->init_noise_sigma();
  return denoise(parts, plan, *scheduler, std::move(latents), text, generator, [&](int done) {
    const Step step{.image = index, .images = plan.pictures, .step = done, .steps = plan.steps};
    return !request.on_step || request.on_step(step);
  });
}

}  // namespace dream::engine
