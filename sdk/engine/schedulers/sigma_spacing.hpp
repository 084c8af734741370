// Where along the noise levels (sigma / alpha) a run places its steps when it does not follow the
// timesteps: Karras, exponential, beta or uniform in lambda.
#pragma once

#include <optional>
#include <vector>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler_config.hpp"

namespace dream::engine {

enum class SigmaCurve { timesteps, karras, lu_lambdas, exponential, beta };

struct SigmaSpacing {
  SigmaCurve curve = SigmaCurve::timesteps;
  std::optional<double> sigma_min;  // absent: the ends of the noise schedule
  std::optional<double> sigma_max;
};

// From use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas, sigma_min and sigma_max, with
// `has_lu_lambdas` (DPM-Solver) also use_lu_lambdas; `karras` comes from the request. Throws
// std::runtime_error for a combination diffusers refuses.
SigmaSpacing read_sigma_spacing(const SchedulerConfig& config, bool karras,
                                bool has_lu_lambdas = false);

// What becomes of the timestep that belongs to a sigma; none: rounded to fp32, as models get it.
enum class TimestepRounding { none, nearest, down };

struct SigmaEnds {
  double lowest, highest;
};

struct SpacedSigmas {
  std::vector<float> sigmas;      // falling, one per step
  std::vector<double> timesteps;  // of the training timesteps, those that have these sigmas
};

// The levels of a run along a curve other than `timesteps`, between the ends that `spacing` states,
// else `ends`. `ratio_table` is that of the function below.
SpacedSigmas space_sigmas(const SigmaSpacing& spacing, SigmaEnds ends,
                          const std::vector<float>& ratio_table, TimestepRounding rounding,
                          int num_inference_steps);

// sigma / alpha of every training timestep, rising, fp32.
std::vector<float> ratio_table(const NoiseSchedule& schedule);

// How many of the noisiest timesteps have log(alpha / sigma) below `lambda_min`.
int clipped_timesteps(const NoiseSchedule& schedule, double lambda_min);

}  // namespace dream::engine
