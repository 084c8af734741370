// What the schedulers share: how much noise a sample holds at each training timestep, and which of
// those timesteps an inference run visits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/schedulers/scheduler_config.hpp"

namespace dream::engine {

struct NoiseSchedule {
  std::string beta_schedule;
  // Share of the picture left in a sample, one per training timestep, falling. fp32, computed by
  // the operators diffusers uses so that both tables hold the same bits.
  std::vector<float> alphas_cumprod;

  int num_train_timesteps() const { return static_cast<int>(alphas_cumprod.size()); }
  // Throws std::out_of_range when no such timestep was trained.
  float alpha_prod(double timestep) const;
};

// From num_train_timesteps, beta_start, beta_end, beta_schedule and trained_betas; with
// `rescale_betas_zero_snr` the last timestep holds noise alone (arXiv 2305.08891, algorithm 1).
NoiseSchedule read_noise_schedule(const SchedulerConfig& config, bool rescale_betas_zero_snr);
// The same for schedulers that divide by what is left of the picture: of it, 2^-24 stays.
NoiseSchedule read_sigma_schedule(const SchedulerConfig& config, bool rescale_betas_zero_snr);

// Spacings of arXiv 2305.08891, table 2.
inline const std::vector<std::string_view> timestep_spacings = {"linspace", "leading", "trailing"};

// The timesteps of an inference run, highest first. `steps_offset` counts for "leading" alone.
// Throws InvalidInput for a number of steps that does not fit the table.
std::vector<double> spaced_timesteps(const std::string& spacing, int num_train_timesteps,
                                     int num_inference_steps, int steps_offset);

// "trailing" from `last_timestep` down in steps of num_train_timesteps / num_inference_steps.
std::vector<double> trailing_timesteps(int last_timestep, int num_train_timesteps,
                                       int num_inference_steps);

// Throws InvalidInput unless 1 <= num_inference_steps <= num_train_timesteps.
void check_steps(int num_inference_steps, int num_train_timesteps);

// numpy.linspace(0, stop, count), endpoint included.
std::vector<double> linspace(double stop, int count);

}  // namespace dream::engine
