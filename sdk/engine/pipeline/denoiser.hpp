// The denoise loop of one picture, one step at a time: generate() runs it to its end, a template
// may walk it by hand. Pictures of one request can share their UNet calls.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/controls.hpp"
#include "sdk/engine/pipeline/plan.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"

namespace dream::engine {

// What one picture's loop starts from; all fp32, [1, channels, h, w].
struct Start {
  at::Tensor noise;         // unit Gaussian
  at::Tensor image;         // latents of the picture to start from; undefined: noise alone
  at::Tensor mask;          // 1 channel, 1 where repainted; undefined: everywhere
  at::Tensor unet_channels;  // what an inpainting UNet sees beside the latents; undefined: nothing
};

class Denoiser {
 public:
  // `generator` goes on to feed the steps that draw noise.
  Denoiser(const Components& parts, const Plan& plan, const std::string& scheduler, Start start,
           at::Generator generator);

  int done() const { return done_; }
  int left() const { return plan_.steps - done_; }
  // fp32; what is put there is what the next step starts from.
  at::Tensor& latents() { return latents_; }

  // The next UNet call: the latents as it takes them [1, C, h, w], what an inpainting UNet sees
  // beside them (else undefined), its timestep and its place in the run.
  at::Tensor scaled_latents();
  const at::Tensor& unet_channels() const { return start_.unet_channels; }
  Call call() const {
    return {called_ - first_call_, scheduler_->timesteps().size() - first_call_};
  }
  double timestep() const { return scheduler_->timesteps().at(called_); }
  // Takes what the UNet made of it (guidance applied), fp32.
  void advance(const at::Tensor& prediction);

 private:
  at::Tensor first_latents() const;
  void keep_unmasked();

  Plan plan_;
  std::unique_ptr<Scheduler> scheduler_;
  Start start_;
  at::Tensor latents_;
  at::Generator generator_;
  std::size_t first_call_ = 0;   // index into the scheduler's timesteps
  std::size_t called_ = 0;       // likewise
  std::size_t end_of_step_ = 0;  // where the current step ends, likewise
  int done_ = 0;
};

// One step of pictures that stand at the same step, `left()` times: one UNet call for all of them.
// `conditioning` must be the same object at each and be that of so many pictures.
void step(const Components& parts, const Plan& plan, std::span<Denoiser> pictures,
          Conditioning& conditioning);

}  // namespace dream::engine
