// DPM-Solver (arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), multistep, orders 1 to 3, with
// their SDE variants: exponential integrators in lambda = log(alpha / sigma) over the noise; those
// with "++" over the predicted picture.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/schedulers/sigma_spacing.hpp"
#include "sdk/engine/schedulers/solver_levels.hpp"

namespace dream::engine {
namespace {

class DPMSolverMultistepScheduler final : public Scheduler {
 public:
  DPMSolverMultistepScheduler(const SchedulerConfig& config, bool karras)
      : schedule_(read_schedule(config)),
        prediction_type_(
            config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
        timestep_spacing_(config.choice("timestep_spacing", "linspace", timestep_spacings)),
        steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
        solver_order_(static_cast<std::size_t>(config.integer("solver_order", 2, 1, 3))),
        heun_(config.choice("solver_type", "midpoint",
                            {"midpoint", "heun", "logrho", "bh1", "bh2"}) == "heun"),
        lower_order_final_(config.flag("lower_order_final", true)),
        euler_at_final_(config.flag("euler_at_final", false)),
        final_sigma_zero_(config.choice("final_sigmas_type", "zero", {"zero", "sigma_min"}) ==
                          "zero"),
        lambda_min_clipped_(config.number("lambda_min_clipped",
                                          -std::numeric_limits<double>::infinity(),
                                          -std::numeric_limits<double>::infinity(), 1e6)),
        spacing_(read_sigma_spacing(config, karras)) {
    // "deis", like the solver types "logrho", "bh1" and "bh2", comes from the configs of sibling
    // solvers and means the default here.
    const std::string algorithm =
        config.choice("algorithm_type", "dpmsolver++",
                      {"dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis"});
    predicts_picture_ = algorithm.ends_with("++") || algorithm == "deis";
    stochastic_ = algorithm.starts_with("sde-");
    config.refuse("thresholding");
    config.refuse("use_flow_sigmas");
    config.refuse("use_dynamic_shifting");
    config.refuse("variance_type");
    if (!predicts_picture_ && final_sigma_zero_)
      throw std::runtime_error(fmt::format(
          "scheduler config: algorithm_type {} cannot end at sigma 0; set final_sigmas_type to "
          "sigma_min or algorithm_type to {}++",
          algorithm, algorithm));
    if (!predicts_picture_ && stochastic_ && solver_order_ == 3)
      throw std::runtime_error(
          "scheduler config: algorithm_type sde-dpmsolver exists for solver_order 1 and 2");
  }

  void set_timesteps(int num_inference_steps) override {
    check_steps(num_inference_steps, schedule_.num_train_timesteps());
    const std::vector<float> table = ratio_table(schedule_);
    if (spacing_.curve == SigmaCurve::timesteps) {
      timesteps_ = plain_timesteps(num_inference_steps);
      sigmas_.clear();
      for (const double timestep : timesteps_)
        sigmas_.push_back(table[std::min(static_cast<std::size_t>(timestep), table.size() - 1)]);
    } else {
      SpacedSigmas spaced = space_sigmas(spacing_, schedule_, num_inference_steps);
      timesteps_ = std::move(spaced.timesteps);
      sigmas_ = std::move(spaced.sigmas);
    }
    sigmas_.push_back(final_sigma_zero_ ? 0.0F : table.front());
    model_outputs_.clear();
    begin_index_.reset();
    step_index_.reset();
  }

  void set_begin_index(std::size_t index) override { begin_index_ = static_cast<int>(index); }
  const std::vector<double>& timesteps() const override { return timesteps_; }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& generator) override {
    if (!step_index_)
      step_index_ = begin_index_.value_or(static_cast<int>(solver_index(timesteps_, timestep)));
    const int steps = static_cast<int>(timesteps_.size());
    if (*step_index_ >= steps)
      throw std::out_of_range(fmt::format("scheduler: step {} of {}", *step_index_ + 1, steps));

    const at::Tensor converted = convert_model_output(model_output, sample);
    model_outputs_.push_back(converted);
    if (model_outputs_.size() > solver_order_) model_outputs_.erase(model_outputs_.begin());

    const bool few_steps = lower_order_final_ && steps < 15;
    const bool last = *step_index_ == steps - 1;
    std::size_t order = model_outputs_.size();
    if (last && (euler_at_final_ || few_steps || final_sigma_zero_)) order = 1;
    if (*step_index_ == steps - 2 && few_steps) order = std::min<std::size_t>(order, 2);

    at::Tensor prev_sample = update(order, sample.to(at::kFloat));
    if (stochastic_) {
      const at::Tensor noise = at::randn(sample.sizes(), generator, at::dtype(at::kFloat));
      prev_sample = prev_sample + noise_coeff() * noise.to(prev_sample.device());
    }
    ++*step_index_;
    return prev_sample.to(converted.scalar_type());
  }

  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override {
    auto index = static_cast<int>(solver_index(timesteps_, timestep));
    if (begin_index_) index = step_index_.value_or(*begin_index_);
    const SolverLevel level = solver_level(sigmas_.at(static_cast<std::size_t>(index)));
    return level.alpha * original + level.sigma * noise;
  }

 private:
  static NoiseSchedule read_schedule(const SchedulerConfig& config) {
    const bool rescale = config.flag("rescale_betas_zero_snr", false);
    NoiseSchedule schedule = read_noise_schedule(config, rescale);
    // Nearly 0 instead of 0 keeps the first sigma finite; 2^-24 is the least positive fp16 number.
    if (rescale) schedule.alphas_cumprod.back() = 0x1p-24F;
    return schedule;
  }

  std::vector<double> plain_timesteps(int num_inference_steps) const {
    const int train = schedule_.num_train_timesteps();
    const int last_timestep = train - clipped_timesteps(schedule_, lambda_min_clipped_);
    if (last_timestep < 2)
      throw std::runtime_error(fmt::format(
          "scheduler config: lambda_min_clipped = {} leaves no timesteps", lambda_min_clipped_));
    return solver_timesteps(timestep_spacing_, train, last_timestep, num_inference_steps,
                            steps_offset_);
  }

  SolverLevel level(int offset) const {
    return solver_level(sigmas_[static_cast<std::size_t>(*step_index_ + offset)]);
  }

  // The predicted picture for "++", the predicted noise otherwise.
  at::Tensor convert_model_output(const at::Tensor& model_output, const at::Tensor& sample) const {
    const SolverLevel s = level(0);
    if (predicts_picture_) {
      if (prediction_type_ == "epsilon") return (sample - s.sigma * model_output) / s.alpha;
      if (prediction_type_ == "sample") return model_output;
      return s.alpha * sample - s.sigma * model_output;
    }
    if (prediction_type_ == "epsilon") return model_output;
    if (prediction_type_ == "sample") return (sample - s.alpha * model_output) / s.sigma;
    return s.alpha * model_output + s.sigma * sample;
  }

  // Weights of the sample, of the newest output and of its first and second differences D1, D2.
  struct Coefficients {
    float sample, d0, d1, d2;
  };

  // The four algorithms share one form: the newest output times phi_1(x) = exp(x) - 1, differences
  // times its successors, where x is the step in lambda, signed and scaled.
  Coefficients coefficients(std::size_t order) const {
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
  at::Tensor update(std::size_t order, const at::Tensor& sample) const {
    const Coefficients c = coefficients(order);
    const auto m = [this](std::size_t back) {
      return model_outputs_[model_outputs_.size() - 1 - back];
    };
    const at::Tensor base = c.sample * sample + c.d0 * m(0);
    if (order == 1) return base;
    const float h = level(1).lambda - level(0).lambda;
    const float r0 = (level(0).lambda - level(-1).lambda) / h;
    const at::Tensor d1_0 = (1.0F / r0) * (m(0) - m(1));
    if (order == 2) return base + c.d1 * d1_0;
    const float r1 = (level(-1).lambda - level(-2).lambda) / h;
    const at::Tensor bend = d1_0 - (1.0F / r1) * (m(1) - m(2));
    const at::Tensor d1 = d1_0 + (r0 / (r0 + r1)) * bend;
    return base + c.d1 * d1 + c.d2 * ((1.0F / (r0 + r1)) * bend);
  }

  float noise_coeff() const {
    const float h = level(1).lambda - level(0).lambda;
    const float gain = predicts_picture_ ? 1.0F - std::exp(-2.0F * h) : std::exp(2.0F * h) - 1.0F;
    return level(1).sigma * std::sqrt(gain);
  }

  NoiseSchedule schedule_;
  std::string prediction_type_;
  std::string timestep_spacing_;
  int steps_offset_;
  std::size_t solver_order_;
  bool heun_;
  bool lower_order_final_;
  bool euler_at_final_;
  bool final_sigma_zero_;
  double lambda_min_clipped_;
  SigmaSpacing spacing_;
  bool predicts_picture_ = true;  // the "++" algorithms
  bool stochastic_ = false;       // the SDE algorithms

  std::vector<double> timesteps_;
  std::vector<float> sigmas_;              // sigma / alpha before each step and after the last
  std::vector<at::Tensor> model_outputs_;  // converted, newest last, at most solver_order_
  std::optional<int> begin_index_;
  std::optional<int> step_index_;  // none until the first step says where the run starts
};

}  // namespace

std::unique_ptr<Scheduler> make_dpmsolver_multistep(const nlohmann::json& config, bool karras) {
  return std::make_unique<DPMSolverMultistepScheduler>(
      SchedulerConfig("DPMSolverMultistep", config), karras);
}

}  // namespace dream::engine
