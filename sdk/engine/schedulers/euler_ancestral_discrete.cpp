// Ancestral sampling with Euler steps, after k-diffusion's sample_euler_ancestral: each step goes
// further down than it needs to and climbs back with fresh noise.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sdk/engine/schedulers/sigma_scheduler.hpp"
#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

class EulerAncestralDiscreteScheduler final : public SigmaScheduler {
 public:
  explicit EulerAncestralDiscreteScheduler(const SchedulerConfig& config)
      : SigmaScheduler(config, {.zero_snr = true, .spacing = {}}) {
    if (prediction_type_ == "sample") {
      throw std::runtime_error(
          "scheduler config: EulerAncestralDiscrete has no prediction_type sample; allowed: "
          "epsilon, v_prediction");
    }
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& generator) override {
    step_index(timestep);
    const float from = sigma(0), to = sigma(1);
    const float up = std::sqrt(to * to * (from * from - to * to) / (from * from));
    const float down = std::sqrt(to * to - up * up);
    const at::Tensor derivative =
        (sample - pred_original_sample(model_output, sample, from)) / from;
    const at::Tensor noise = at::randn(sample.sizes(), generator, at::dtype(at::kFloat));
    const at::Tensor prev_sample =
        sample + derivative * (down - from) + to_device(noise, sample.device()) * up;
    next_step();
    return prev_sample;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_euler_ancestral_discrete(const nlohmann::json& config) {
  return std::make_unique<EulerAncestralDiscreteScheduler>(
      SchedulerConfig("EulerAncestralDiscrete", config));
}

}  // namespace dream::engine
