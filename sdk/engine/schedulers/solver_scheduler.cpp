#include "sdk/engine/schedulers/solver_scheduler.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "sdk/engine/engine.hpp"

namespace dream::engine {
namespace {

// From sigma / alpha.
SolverLevel solver_level(float ratio) {
  const float alpha = 1.0F / std::sqrt(ratio * ratio + 1.0F);
  const float sigma = ratio * alpha;
  return {alpha, sigma, std::log(alpha) - std::log(sigma)};
}

}  // namespace

SolverScheduler::SolverScheduler(const SchedulerConfig& config, SigmaSpacing spacing,
                                 double lambda_min_clipped)
    : schedule_(read_sigma_schedule(config, config.flag("rescale_betas_zero_snr", false))),
      spacing_(spacing),
      solver_order_(config.integer("solver_order", 2, 1, highest_solver_order)),
      lower_order_final_(config.flag("lower_order_final", true)),
      final_sigma_zero_(config.choice("final_sigmas_type", "zero", {"zero", "sigma_min"}) ==
                        "zero"),
      prediction_type_(
          config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
      timestep_spacing_(config.choice("timestep_spacing", "linspace", timestep_spacings)),
      steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
      lambda_min_clipped_(lambda_min_clipped) {
  config.refuse("thresholding");
  config.refuse("use_flow_sigmas");
  config.refuse("use_dynamic_shifting");
}

void SolverScheduler::set_timesteps(int num_inference_steps) {
  check_steps(num_inference_steps, schedule_.num_train_timesteps());
  const std::vector<float> table = ratio_table(schedule_);
  if (spacing_.curve == SigmaCurve::timesteps) {
    timesteps_ = plain_timesteps(num_inference_steps);
    sigmas_.clear();
    for (const double timestep : timesteps_)
      sigmas_.push_back(table[std::min(static_cast<std::size_t>(timestep), table.size() - 1)]);
  } else {
    SpacedSigmas spaced = space_sigmas(spacing_, {table.front(), table.back()}, table, rounding_,
                                       num_inference_steps);
    timesteps_ = std::move(spaced.timesteps);
    sigmas_ = std::move(spaced.sigmas);
  }
  sigmas_.push_back(final_sigma_zero_ ? 0.0F : table.front());
  outputs_.clear();
  begin_index_.reset();
  step_index_.reset();
}

// One more point than asked for, less the last: the run ends at the final sigma instead.
std::vector<double> SolverScheduler::plain_timesteps(int num_inference_steps) const {
  const int train = schedule_.num_train_timesteps();
  const int last_timestep = train - clipped_timesteps(schedule_, lambda_min_clipped_);
  if (last_timestep < std::min(train, 2))
    throw std::runtime_error(fmt::format(
        "scheduler config: lambda_min_clipped = {} leaves no timesteps", lambda_min_clipped_));
  if (timestep_spacing_ == "trailing")
    return trailing_timesteps(last_timestep, train, num_inference_steps);
  std::vector<double> timesteps;
  if (timestep_spacing_ == "linspace") {
    for (const double t : linspace(last_timestep - 1, num_inference_steps + 1))
      timesteps.push_back(std::nearbyint(t));
  } else {
    const int ratio = last_timestep / (num_inference_steps + 1);
    if (ratio == 0)
      throw InvalidInput(
          fmt::format("num_inference_steps: {} is not allowed with leading spacing; allowed: "
                      "1 to {}",
                      num_inference_steps, last_timestep - 1));
    for (int i = 0; i <= num_inference_steps; ++i) timesteps.push_back(i * ratio + steps_offset_);
  }
  std::reverse(timesteps.begin(), timesteps.end());
  timesteps.pop_back();
  return timesteps;
}

// Rounding can give two steps the same timestep, of which a run that starts amid them takes the
// second. The last step where there is none.
std::size_t SolverScheduler::index_for_timestep(double timestep) const {
  if (timesteps_.empty()) throw std::logic_error("scheduler: set_timesteps was not called");
  if (timestep == timesteps_.front()) return 0;
  const auto first = std::find(timesteps_.begin(), timesteps_.end(), timestep);
  if (first == timesteps_.end()) return timesteps_.size() - 1;
  const auto second = std::find(first + 1, timesteps_.end(), timestep);
  return static_cast<std::size_t>((second == timesteps_.end() ? first : second) -
                                  timesteps_.begin());
}

int SolverScheduler::step_index(double timestep) {
  if (!step_index_)
    step_index_ = begin_index_.value_or(static_cast<int>(index_for_timestep(timestep)));
  if (*step_index_ >= steps())
    throw std::out_of_range(fmt::format("scheduler: step {} of {}", *step_index_ + 1, steps()));
  return *step_index_;
}

SolverLevel SolverScheduler::level(int offset) const {
  return solver_level(sigmas_.at(static_cast<std::size_t>(step_index_.value() + offset)));
}

at::Tensor SolverScheduler::add_noise(const at::Tensor& original, const at::Tensor& noise,
                                      double timestep) const {
  auto index = static_cast<int>(index_for_timestep(timestep));
  if (begin_index_) index = step_index_.value_or(*begin_index_);
  const SolverLevel at = solver_level(sigmas_.at(static_cast<std::size_t>(index)));
  return at.alpha * original + at.sigma * noise;
}

at::Tensor SolverScheduler::convert_model_output(const at::Tensor& model_output,
                                                 const at::Tensor& sample) const {
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

void SolverScheduler::remember(at::Tensor output) {
  outputs_.push_back(std::move(output));
  if (outputs() > solver_order_) outputs_.erase(outputs_.begin());
}

}  // namespace dream::engine
