// DPM-Solver (arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), multistep, orders 1 to 3, with
// their SDE variants: exponential integrators in lambda = log(alpha / sigma) over the noise; those
// with "++" over the predicted picture.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sdk/engine/schedulers/solver_scheduler.hpp"
#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

class DPMSolverMultistepScheduler final : public SolverScheduler {
 public:
  DPMSolverMultistepScheduler(const SchedulerConfig& config, bool karras)
      : SolverScheduler(config, read_sigma_spacing(config, karras, /*has_lu_lambdas=*/true),
                        config.number("lambda_min_clipped", no_limit, no_limit, 1e6)),
        heun_(config.choice("solver_type", "midpoint",
                            {"midpoint", "heun", "logrho", "bh1", "bh2"}) == "heun"),
        euler_at_final_(config.flag("euler_at_final", false)) {
    // "deis", like the solver types "logrho", "bh1" and "bh2", comes from the configs of sibling
    // solvers and means the default here.
    const std::string algorithm =
        config.choice("algorithm_type", "dpmsolver++",
                      {"dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis"});
    predicts_picture_ = algorithm.ends_with("++") || algorithm == "deis";
    stochastic_ = algorithm.starts_with("sde-");
    config.refuse("variance_type");
    const bool rounds =
        spacing_.curve == SigmaCurve::karras || spacing_.curve == SigmaCurve::lu_lambdas;
    if (rounds && schedule_.beta_schedule != "squaredcos_cap_v2")
      rounding_ = TimestepRounding::nearest;
    if (!predicts_picture_ && final_sigma_zero_)
      throw std::runtime_error(fmt::format(
          "scheduler config: algorithm_type {} cannot end at sigma 0; set final_sigmas_type to "
          "sigma_min or algorithm_type to {}++",
          algorithm, algorithm));
    if (!predicts_picture_ && stochastic_ && solver_order_ == 3)
      throw std::runtime_error(
          "scheduler config: algorithm_type sde-dpmsolver exists for solver_order 1 and 2");
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& generator) override {
    const int index = step_index(timestep);
    const at::Tensor converted = convert_model_output(model_output, sample);
    remember(converted);

    const bool few_steps = lower_order_final_ && steps() < 15;
    const bool last = index == steps() - 1;
    int order = outputs();
    if (last && (euler_at_final_ || few_steps || final_sigma_zero_)) order = 1;
    if (index == steps() - 2 && few_steps) order = std::min(order, 2);

    at::Tensor prev_sample = update(order, sample.to(at::kFloat));
    if (stochastic_) {
      const at::Tensor noise = at::randn(sample.sizes(), generator, at::dtype(at::kFloat));
      prev_sample = prev_sample + noise_coeff() * to_device(noise, prev_sample.device());
    }
    next_step();
    return prev_sample.to(converted.scalar_type());
  }

 private:
  // Weights of the sample, of the newest output and of its first and second differences D1, D2.
  struct Coefficients {
    float sample, d0, d1, d2;
  };

  // The four algorithms share one form: the newest output times phi_1(x) = exp(x) - 1, differences
  // times its successors, where x is the step in lambda, signed and scaled.
  Coefficients coefficients(int order) const {
    const SolverLevel t = level(1);
    const SolverLevel s = level(0);
    const float h = t.lambda - s.lambda;
    float x = h;
    float scale = t.sigma;
    float sample = t.alpha / s.alpha;
    if (predicts_picture_) {
      x = stochastic_ ? -2.0F * h : -h;
      scale = t.alpha;
      sample = t.sigma / s.sigma * (stochastic_ ? std::exp(-h) : 1.0F);
    } else if (stochastic_) {
      scale *= 2.0F;
    }
    const float phi_1 = std::exp(x) - 1.0F;
    if (order == 1) return {sample, -scale * phi_1, 0, 0};
    if (order == 2 && !heun_) return {sample, -scale * phi_1, -0.5F * scale * phi_1, 0};
    const float phi_2 = phi_1 / x - 1.0F;
    if (order == 2) return {sample, -scale * phi_1, -scale * phi_2, 0};
    // diffusers adds the half for the SDE instead of taking it off; parity wants the same.
    const float phi_3 = (phi_1 - x) / (x * x) + (stochastic_ ? 0.5F : -0.5F);
    return {sample, -scale * phi_1, -scale * phi_2, -scale * phi_3};
  }

  // The sample at the next level from `sample` at this one and the latest `order` outputs.
  at::Tensor update(int order, const at::Tensor& sample) const {
    const Coefficients c = coefficients(order);
    const at::Tensor base = c.sample * sample + c.d0 * output(0);
    if (order == 1) return base;
    const float h = level(1).lambda - level(0).lambda;
    const float r0 = (level(0).lambda - level(-1).lambda) / h;
    const at::Tensor d1_0 = (1.0F / r0) * (output(0) - output(1));
    if (order == 2) return base + c.d1 * d1_0;
    const float r1 = (level(-1).lambda - level(-2).lambda) / h;
    const at::Tensor bend = d1_0 - (1.0F / r1) * (output(1) - output(2));
    const at::Tensor d1 = d1_0 + (r0 / (r0 + r1)) * bend;
    return base + c.d1 * d1 + c.d2 * ((1.0F / (r0 + r1)) * bend);
  }

  float noise_coeff() const {
    const float h = level(1).lambda - level(0).lambda;
    const float gain = predicts_picture_ ? 1.0F - std::exp(-2.0F * h) : std::exp(2.0F * h) - 1.0F;
    return level(1).sigma * std::sqrt(gain);
  }

  bool heun_;
  bool euler_at_final_;
  bool stochastic_ = false;  // the SDE algorithms
};

}  // namespace

std::unique_ptr<Scheduler> make_dpmsolver_multistep(const nlohmann::json& config, bool karras) {
  return std::make_unique<DPMSolverMultistepScheduler>(
      SchedulerConfig("DPMSolverMultistep", config), karras);
}

}  // namespace dream::engine
