// What the exponential integrators (DPM-Solver, UniPC) have in common: noise levels in three forms,
// whole-number timesteps, the place in the run and the latest outputs of the model.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/schedulers/sigma_spacing.hpp"

namespace dream::engine {

// One noise level: sample = alpha * picture + sigma * noise; lambda = log(alpha / sigma). All in
// fp32 as the tables are.
struct SolverLevel {
  float alpha, sigma, lambda;
};

inline constexpr int highest_solver_order = 3;

class SolverScheduler : public Scheduler {
 public:
  void set_timesteps(int num_inference_steps) override;
  void set_begin_index(std::size_t index) override { begin_index_ = static_cast<int>(index); }
  const std::vector<double>& timesteps() const override { return timesteps_; }
  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override;

 protected:
  static constexpr double no_limit = -std::numeric_limits<double>::infinity();

  // Timesteps with lambda below `lambda_min_clipped` are not visited unless a curve places them.
  SolverScheduler(const SchedulerConfig& config, SigmaSpacing spacing,
                  double lambda_min_clipped = no_limit);

  // To be called first in step(): where the run is.
  int step_index(double timestep);
  void next_step() { ++*step_index_; }
  int steps() const { return static_cast<int>(timesteps_.size()); }
  // The level of the current step (0) or of one beside it.
  SolverLevel level(int offset) const;

  // The predicted picture with predicts_picture_, the predicted noise otherwise.
  at::Tensor convert_model_output(const at::Tensor& model_output, const at::Tensor& sample) const;
  // Converted outputs: the latest solver_order_ are kept, 0 is the newest.
  void remember(at::Tensor output);
  const at::Tensor& output(int back) const { return *(outputs_.end() - 1 - back); }
  int outputs() const { return static_cast<int>(outputs_.size()); }

  NoiseSchedule schedule_;
  SigmaSpacing spacing_;
  int solver_order_;
  bool lower_order_final_;
  bool final_sigma_zero_;
  bool predicts_picture_ = true;
  TimestepRounding rounding_ = TimestepRounding::down;  // of timesteps that a curve places
  std::vector<float> sigmas_;  // sigma / alpha before each step and after the last

 private:
  std::vector<double> plain_timesteps(int num_inference_steps) const;
  std::size_t index_for_timestep(double timestep) const;

  std::string prediction_type_;
  std::string timestep_spacing_;
  int steps_offset_;
  double lambda_min_clipped_;

  std::vector<double> timesteps_;
  std::vector<at::Tensor> outputs_;  // newest last
  std::optional<int> begin_index_;
  std::optional<int> step_index_;  // none until the first step says where the run starts
};

}  // namespace dream::engine
