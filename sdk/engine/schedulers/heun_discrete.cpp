// Heun's method, arXiv 2206.00364 (algorithm 1): an Euler step, then the same step again with the
// mean of the slopes at both its ends. Every timestep but the first is run twice, so that the last
// step, which ends at sigma 0, is an Euler step.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "sdk/engine/schedulers/sigma_scheduler.hpp"

namespace dream::engine {
namespace {

class HeunDiscreteScheduler final : public SigmaScheduler {
 public:
  HeunDiscreteScheduler(const SchedulerConfig& config, bool karras)
      : SigmaScheduler(config,
                       {.zero_snr = false, .spacing = read_sigma_spacing(config, karras)}),
        clip_sample_(config.flag("clip_sample", false)),
        clip_sample_range_(config.number("clip_sample_range", 1.0, 0, 1e6)) {}

  int order() const override { return 2; }

  void set_timesteps(int num_inference_steps) override {
    SigmaScheduler::set_timesteps(num_inference_steps);
    const auto timesteps = timesteps_;
    const auto sigmas = sigmas_;
    timesteps_ = {timesteps.front()};
    sigmas_ = {sigmas.front()};
    for (std::size_t i = 1; i < timesteps.size(); ++i) {
      timesteps_.insert(timesteps_.end(), 2, timesteps[i]);
      sigmas_.insert(sigmas_.end(), 2, sigmas[i]);
    }
    sigmas_.push_back(sigmas.back());
    first_slope_.reset();
    start_.reset();
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& /*generator*/) override {
    step_index(timestep);
    // The current sigma is where `sample` lies: at the step's start, or at its end.
    at::Tensor picture = pred_original_sample(model_output, sample, sigma(0));
    if (clip_sample_) picture = picture.clamp(-clip_sample_range_, clip_sample_range_);
    const at::Tensor slope = (sample - picture) / sigma(0);
    at::Tensor prev_sample;
    if (!first_slope_.defined()) {
      width_ = sigma(1) - sigma(0);
      prev_sample = sample + slope * width_;
      first_slope_ = slope;
      start_ = sample;
    } else {
      prev_sample = start_ + (first_slope_ + slope) / 2 * width_;
      first_slope_.reset();
      start_.reset();
    }
    next_step();
    return prev_sample;
  }

 private:
  bool clip_sample_;
  double clip_sample_range_;
  at::Tensor first_slope_;  // defined between the two halves of a step
  at::Tensor start_;        // the sample the step started from
  float width_ = 0;         // of the step, in sigma
};

}  // namespace

std::unique_ptr<Scheduler> make_heun_discrete(const nlohmann::json& config, bool karras) {
  return std::make_unique<HeunDiscreteScheduler>(SchedulerConfig("HeunDiscrete", config), karras);
}

}  // namespace dream::engine
