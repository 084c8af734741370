// Where along the noise levels (sigma / alpha) a run places its steps when it does not follow the
// timesteps: Karras, exponential or uniform in lambda.
#pragma once

#include <optional>
#include <vector>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler_config.hpp"

namespace dream::engine {

enum class SigmaCurve { timesteps, karras, lu_lambdas, exponential };

struct SigmaSpacing {
  SigmaCurve curve = SigmaCurve::timesteps;
  std::optional<double> sigma_min;  // absent: the ends of the noise schedule
  std::optional<double> sigma_max;
};

// From use_karras_sigmas, use_lu_lambdas, use_exponential_sigmas, sigma_min and sigma_max; `karras`
// comes from the request. Throws std::runtime_error for a combination diffusers refuses.
SigmaSpacing read_sigma_spacing(const SchedulerConfig& config, bool karras);

struct SpacedSigmas {
  std::vector<float> sigmas;      // falling, one per step
  std::vector<double> timesteps;  // the nearest training timesteps, whole numbers
};

// `sigma_max` down to `sigma_min` along a curve other than `timesteps`.
std::vector<double> curve_points(SigmaCurve curve, double sigma_min, double sigma_max, int count);

// The timestep, with a fraction, at which `ratio_table` has this sigma; the table's ends beyond it.
double timestep_of_sigma(double sigma, const std::vector<float>& ratio_table);

// For the curves other than `timesteps`.
SpacedSigmas space_sigmas(const SigmaSpacing& spacing, const NoiseSchedule& schedule,
                          int num_inference_steps);

// sigma / alpha of every training timestep, rising, fp32.
std::vector<float> ratio_table(const NoiseSchedule& schedule);

// How many of the noisiest timesteps have log(alpha / sigma) below `lambda_min`.
int clipped_timesteps(const NoiseSchedule& schedule, double lambda_min);

}  // namespace dream::engine
