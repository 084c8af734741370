#include "sdk/engine/pipeline/denoiser.hpp"

#include <ATen/ops/cat.h>

#include <utility>

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

Denoiser::Denoiser(const Components& parts, const Plan& plan, const std::string& scheduler,
                   const SchedulerOptions& options, const at::Tensor& noise,
                   at::Generator generator)
    : parts_(parts),
      plan_(plan),
      scheduler_(make_scheduler(scheduler, parts.scheduler, options)),
      generator_(std::move(generator)) {
  scheduler_->set_timesteps(plan.steps);
  latents_ = noise * scheduler_->init_noise_sigma();
  const auto calls = scheduler_->timesteps().size(), steps = static_cast<std::size_t>(plan.steps);
  warm_up_ = calls > steps ? calls - steps : 0;
}

void Denoiser::call_model(TextContext& text) {
  const double timestep = scheduler_->timesteps().at(called_++);
  const auto sample = scheduler_->scale_model_input(latents_, timestep);
  const auto prediction = predict(parts_, plan_, sample, timestep, text);
  latents_ = scheduler_->step(prediction, timestep, latents_, generator_);
}

void Denoiser::step(TextContext& text) {
  while (called_ < warm_up_) call_model(text);
  call_model(text);
  ++done_;
}

}  // namespace dream::engine
