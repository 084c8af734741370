#include "sdk/engine/pipeline/denoiser.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/std.h>

#include <utility>
#include <vector>

namespace dream::engine {
namespace {

// Guidance makes predictions larger; this brings back the spread of the prompt's own (arXiv
// 2305.08891, section 3.4).
at::Tensor rescaled(const at::Tensor& guided, const at::Tensor& prompt, double share) {
  const auto spread = [](const at::Tensor& x) {
    return at::std(x, at::IntArrayRef{1, 2, 3}, /*correction=*/1, /*keepdim=*/true);
  };
  return share * (guided * (spread(prompt) / spread(guided))) + (1 - share) * guided;
}

// [pictures, C, h, w] of every picture, undefined where they have none.
template <typename Part>
at::Tensor side_by_side(std::span<Denoiser> pictures, const Part& part) {
  if (pictures.size() == 1) return part(pictures.front());
  std::vector<at::Tensor> parts;
  for (auto& picture : pictures) parts.push_back(part(picture));
  return parts.front().defined() ? at::cat(parts) : at::Tensor();
}

// One UNet call: alone, with the guidance built into the model where it is, or with the negative
// prompts' half beside it (arXiv 2207.12598).
at::Tensor predict(const Components& parts, const Plan& plan, std::span<Denoiser> pictures,
                   Conditioning& conditioning) {
  const auto timestep = pictures.front().timestep();
  const auto call = pictures.front().call();
  const auto halves = [&](const at::Tensor& map) {
    const auto typed = map.to(parts.compute.dtype);
    return plan.guided ? at::cat({typed, typed}) : typed;
  };
  const auto sample =
      halves(side_by_side(pictures, [](Denoiser& picture) { return picture.scaled_latents(); }));
  const auto additions = conditioning.additions(sample, timestep, call);
  auto input = sample;
  if (pictures.front().unet_channels().defined()) {
    const auto channels = side_by_side(
        pictures, [](Denoiser& picture) { return picture.unet_channels(); });
    input = at::cat({sample, halves(channels)}, 1);
  }
  auto& text = conditioning.text(call);
  if (!plan.guided)
    return parts.unet.forward(input, timestep, text, plan.guidance_scale, additions).to(at::kFloat);
  const auto both =
      parts.unet.forward(input, timestep, text, 1, additions).to(at::kFloat).chunk(2);
  const auto guided = both[0] + plan.guidance_scale * (both[1] - both[0]);
  return plan.guidance_rescale == 0 ? guided : rescaled(guided, both[1], plan.guidance_rescale);
}

}  // namespace

Denoiser::Denoiser(const Components& parts, const Plan& plan, const std::string& scheduler,
                   Start start, at::Generator generator)
    : plan_(plan),
      scheduler_(make_scheduler(scheduler, parts.scheduler, plan.scheduler)),
      start_(std::move(start)),
      generator_(std::move(generator)) {
  scheduler_->set_timesteps(plan.scheduled_steps);
  const auto order = static_cast<std::size_t>(scheduler_->order());
  called_ = first_call_ = order * (plan.scheduled_steps - plan.steps);
  if (start_.image.defined()) scheduler_->set_begin_index(called_);
  // Calls beyond order() per step (PNDM's repeated timestep) belong to the first.
  const auto calls = scheduler_->timesteps().size() - called_;
  const auto regular = order * plan.steps;
  end_of_step_ = called_ + order + (calls > regular ? calls - regular : 0);
  latents_ = first_latents();
}

at::Tensor Denoiser::first_latents() const {
  if (!start_.image.defined() || plan_.from_noise) {
    return start_.noise * scheduler_->init_noise_sigma();
  }
  return scheduler_->add_noise(start_.image, start_.noise, timestep());
}

at::Tensor Denoiser::scaled_latents() {
  return scheduler_->scale_model_input(latents_, timestep());
}

void Denoiser::advance(const at::Tensor& prediction) {
  latents_ = scheduler_->step(prediction, timestep(), latents_, generator_);
  ++called_;
  const auto calls = scheduler_->timesteps().size();
  // An inpainting UNet has learned to keep; any other is held to the picture at every call.
  if (start_.mask.defined() && !start_.unet_channels.defined()) keep_unmasked();
  if (called_ == end_of_step_ || called_ == calls) {
    ++done_;
    end_of_step_ += scheduler_->order();
  }
}

// The kept part is the picture itself with the noise of the next call's timestep.
void Denoiser::keep_unmasked() {
  const bool last = called_ == scheduler_->timesteps().size();
  const auto kept =
      last ? start_.image : scheduler_->add_noise(start_.image, start_.noise, timestep());
  latents_ = (1 - start_.mask) * kept + start_.mask * latents_;
}

void step(const Components& parts, const Plan& plan, std::span<Denoiser> pictures,
          Conditioning& conditioning) {
  const int before = pictures.front().done();
  while (pictures.front().done() == before) {
    const auto own = predict(parts, plan, pictures, conditioning).split(1);
    for (std::size_t i = 0; i < pictures.size(); ++i) pictures[i].advance(own[i]);
  }
}

}  // namespace dream::engine
