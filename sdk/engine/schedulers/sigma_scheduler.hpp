// What the schedulers have in common that walk along sigma, the noise of a sample whose picture is
// not scaled down (arXiv 2206.00364): their levels, the place in them, and the way samples are
// scaled for the model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/schedulers/sigma_spacing.hpp"

namespace dream::engine {

class SigmaScheduler : public Scheduler {
 public:
  void set_timesteps(int num_inference_steps) override;
  void set_begin_index(std::size_t index) override { begin_index_ = static_cast<int>(index); }
  // Multiples of 1/1000 at most and often no whole numbers; rounded to fp32 as the model gets them.
  const std::vector<double>& timesteps() const override { return timesteps_; }
  double init_noise_sigma() const override;
  at::Tensor scale_model_input(const at::Tensor& sample, double timestep) override;
  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override;

 protected:
  struct Choice {
    bool zero_snr = false;  // understands rescale_betas_zero_snr
    SigmaSpacing spacing;
  };
  SigmaScheduler(const SchedulerConfig& config, Choice choice);

  // The predicted picture, from a sample with this sigma.
  at::Tensor pred_original_sample(const at::Tensor& model_output, const at::Tensor& sample,
                                  float sigma) const;
  // Sigma of the current step (0) or of one beside it.
  float sigma(int offset) const;
  // To be called first in step(): where the run is.
  int step_index(double timestep);
  void next_step() { ++*step_index_; }

  std::string prediction_type_;
  std::vector<double> timesteps_;
  std::vector<float> sigmas_;  // one per timestep, and the last
  bool final_sigma_zero_ = true;

 private:
  int index_for_timestep(double timestep) const;

  NoiseSchedule schedule_;
  std::string timestep_spacing_;
  int steps_offset_;
  SigmaSpacing spacing_;
  std::optional<int> begin_index_, step_index_;
};

}  // namespace dream::engine
