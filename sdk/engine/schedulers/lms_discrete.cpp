// Linear multistep method over sigma, after k-diffusion's sample_lms: the slope is the polynomial
// through the latest four, integrated over the step (Adams-Bashforth with uneven steps).
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/engine/schedulers/sigma_scheduler.hpp"

namespace dream::engine {
namespace {

constexpr int most_slopes = 4;

// As in diffusers, Karras spacing does not heed sigma_min and sigma_max here.
SigmaSpacing read_spacing(const SchedulerConfig& config, bool karras) {
  SigmaSpacing spacing = read_sigma_spacing(config, karras);
  if (spacing.curve == SigmaCurve::karras) spacing.sigma_min = spacing.sigma_max = std::nullopt;
  return spacing;
}

class LMSDiscreteScheduler final : public SigmaScheduler {
 public:
  LMSDiscreteScheduler(const SchedulerConfig& config, bool karras)
      : SigmaScheduler(config,
                       {.zero_snr = false, .spacing = read_spacing(config, karras)}) {}

  void set_timesteps(int num_inference_steps) override {
    SigmaScheduler::set_timesteps(num_inference_steps);
    slopes_.clear();
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& /*generator*/) override {
    const int index = step_index(timestep);
    slopes_.push_back((sample - pred_original_sample(model_output, sample, sigma(0))) / sigma(0));
    if (std::ssize(slopes_) > most_slopes) slopes_.erase(slopes_.begin());

    // The order goes by the place in the run. A run that starts amid the levels has fewer slopes
    // than that at first; the coefficients of those it lacks are left out, as diffusers does.
    const int order = std::min(index + 1, most_slopes);
    at::Tensor prev_sample = sample;
    for (int back = 0; back < std::min<int>(order, std::ssize(slopes_)); ++back) {
      prev_sample = prev_sample + coefficient(order, back) * *(slopes_.end() - 1 - back);
    }
    next_step();
    return prev_sample;
  }

 private:
  // The integral over this step of the Lagrange polynomial that is 1 at the sigma `own` steps back
  // and 0 at the others. It is a cubic at most, for which two Gauss points are exact.
  double coefficient(int order, int own) const {
    const double begin = sigma(0), end = sigma(1);
    const double middle = (begin + end) / 2, half = (end - begin) / 2;
    double sum = 0;
    for (const double at : {middle - half / std::sqrt(3.0), middle + half / std::sqrt(3.0)}) {
      double product = 1;
      for (int other = 0; other < order; ++other) {
        if (other == own) continue;
        product *= (at - sigma(-other)) / (double{sigma(-own)} - sigma(-other));
      }
      sum += product;
    }
    return half * sum;
  }

  std::vector<at::Tensor> slopes_;  // newest last
};

}  // namespace

std::unique_ptr<Scheduler> make_lms_discrete(const nlohmann::json& config, bool karras) {
  return std::make_unique<LMSDiscreteScheduler>(SchedulerConfig("LMSDiscrete", config), karras);
}

}  // namespace dream::engine
