// The denoise loop of one picture, one step at a time: generate() runs it to its end, a template
// may walk it by hand.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/plan.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"

namespace dream::engine {

class Denoiser {
 public:
  // Starts from unit Gaussian noise [1, latent channels, h, w] in fp32. `generator` goes on to feed
  // the steps that draw noise.
  Denoiser(const Components& parts, const Plan& plan, const std::string& scheduler,
           const SchedulerOptions& options, const at::Tensor& noise, at::Generator generator);

  int done() const { return done_; }
  int left() const { return plan_.steps - done_; }
  // One step, `left()` times. `text` must be the same object at each.
  void step(TextContext& text);
  // fp32; what is put there is what the next step starts from.
  at::Tensor& latents() { return latents_; }

 private:
  void call_model(TextContext& text);

  const Components& parts_;
  Plan plan_;
  std::unique_ptr<Scheduler> scheduler_;
  at::Tensor latents_;
  at::Generator generator_;
  std::size_t warm_up_ = 0;  // model calls beyond one per step, made within the first
  std::size_t called_ = 0;
  int done_ = 0;
};

}  // namespace dream::engine
