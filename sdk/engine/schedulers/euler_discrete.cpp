// Euler's method in the form of arXiv 2206.00364 (algorithm 2 without churn): each step follows the
// straight line towards the predicted picture.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "sdk/engine/schedulers/sigma_scheduler.hpp"

namespace dream::engine {
namespace {

class EulerDiscreteScheduler final : public SigmaScheduler {
 public:
  EulerDiscreteScheduler(const SchedulerConfig& config, bool karras)
      : SigmaScheduler(config,
                       {.zero_snr = true, .spacing = read_sigma_spacing(config, karras)}) {
    config.choice("interpolation_type", "linear", {"linear"});
    config.choice("timestep_type", "discrete", {"discrete"});
    final_sigma_zero_ = config.choice("final_sigmas_type", "zero", {"zero", "sigma_min"}) == "zero";
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& /*generator*/) override {
    step_index(timestep);
    const at::Tensor derivative =
        (sample - pred_original_sample(model_output, sample, sigma(0))) / sigma(0);
    const at::Tensor prev_sample = sample + derivative * (sigma(1) - sigma(0));
    next_step();
    return prev_sample;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_euler_discrete(const nlohmann::json& config, bool karras) {
  return std::make_unique<EulerDiscreteScheduler>(SchedulerConfig("EulerDiscrete", config), karras);
}

}  // namespace dream::engine
