#include "sdk/engine/schedulers/sigma_scheduler.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace dream::engine {
namespace {

// The table between its entries, as numpy.interp has it.
double interpolated(const std::vector<float>& table, double at) {
  const auto last = static_cast<double>(table.size() - 1);
  if (at >= last) return table.back();
  const auto low = static_cast<std::size_t>(at);
  const double here = table[low], next = table[low + 1];
  return (next - here) * (at - static_cast<double>(low)) + here;
}

}  // namespace

SigmaScheduler::SigmaScheduler(const SchedulerConfig& config, Choice choice)
    : prediction_type_(
          config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
      schedule_(read_sigma_schedule(
          config, choice.zero_snr && config.flag("rescale_betas_zero_snr", false))),
      timestep_spacing_(config.choice("timestep_spacing", "linspace", timestep_spacings)),
      steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
      spacing_(choice.spacing) {}

void SigmaScheduler::set_timesteps(int num_inference_steps) {
  const int train = schedule_.num_train_timesteps();
  if (timestep_spacing_ == "linspace") {
    check_steps(num_inference_steps, train);
    timesteps_ = linspace(train - 1, num_inference_steps);
    std::reverse(timesteps_.begin(), timesteps_.end());
    for (double& timestep : timesteps_) timestep = static_cast<float>(timestep);
  } else {
    timesteps_ = spaced_timesteps(timestep_spacing_, train, num_inference_steps, steps_offset_);
  }
  const std::vector<float> table = ratio_table(schedule_);
  std::vector<double> sigmas;
  for (const double timestep : timesteps_) sigmas.push_back(interpolated(table, timestep));
  sigmas_.assign(sigmas.begin(), sigmas.end());
  if (spacing_.curve != SigmaCurve::timesteps) {
    SpacedSigmas spaced = space_sigmas(spacing_, {sigmas.back(), sigmas.front()}, table,
                                       TimestepRounding::none, num_inference_steps);
    timesteps_ = std::move(spaced.timesteps);
    sigmas_ = std::move(spaced.sigmas);
  }
  sigmas_.push_back(final_sigma_zero_ ? 0.0F : table.front());
  begin_index_.reset();
  step_index_.reset();
}

double SigmaScheduler::init_noise_sigma() const {
  if (sigmas_.empty()) throw std::logic_error("scheduler: set_timesteps was not called");
  const float highest = *std::max_element(sigmas_.begin(), sigmas_.end());
  return timestep_spacing_ == "leading" ? std::sqrt(highest * highest + 1.0F) : highest;
}

at::Tensor SigmaScheduler::scale_model_input(const at::Tensor& sample, double timestep) {
  const float level = sigmas_.at(static_cast<std::size_t>(step_index(timestep)));
  return sample / std::sqrt(level * level + 1.0F);
}

at::Tensor SigmaScheduler::add_noise(const at::Tensor& original, const at::Tensor& noise,
                                     double timestep) const {
  int index = index_for_timestep(timestep);
  if (begin_index_) index = step_index_.value_or(*begin_index_);
  return original + noise * sigmas_.at(static_cast<std::size_t>(index));
}

at::Tensor SigmaScheduler::pred_original_sample(const at::Tensor& model_output,
                                                const at::Tensor& sample, float sigma) const {
  if (prediction_type_ == "epsilon") return sample - sigma * model_output;
  if (prediction_type_ == "sample") return model_output;
  const float variance = sigma * sigma + 1.0F;  // v_prediction
  return model_output * (-sigma / std::sqrt(variance)) + sample / variance;
}

float SigmaScheduler::sigma(int offset) const {
  return sigmas_.at(static_cast<std::size_t>(step_index_.value() + offset));
}

int SigmaScheduler::step_index(double timestep) {
  if (!step_index_) step_index_ = begin_index_ ? *begin_index_ : index_for_timestep(timestep);
  if (*step_index_ >= std::ssize(timesteps_)) {
    throw std::out_of_range(
        fmt::format("scheduler: step {} of {}", *step_index_ + 1, timesteps_.size()));
  }
  return *step_index_;
}

// A timestep that is there twice (Heun) counts as its second: a run that starts amid them would
// else take a level twice.
int SigmaScheduler::index_for_timestep(double timestep) const {
  const auto first = std::find(timesteps_.begin(), timesteps_.end(), timestep);
  if (first == timesteps_.end()) {
    throw std::out_of_range(fmt::format("scheduler: timestep {} is not of this run", timestep));
  }
  const auto second = std::find(first + 1, timesteps_.end(), timestep);
  return static_cast<int>((second == timesteps_.end() ? first : second) - timesteps_.begin());
}

}  // namespace dream::engine
