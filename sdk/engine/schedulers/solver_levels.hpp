// What the exponential integrators (DPM-Solver, UniPC) have in common: a noise level in its three
// forms, and the timesteps they visit.
#pragma once

#include <string>
#include <vector>

namespace dream::engine {

// One noise level: sample = alpha * picture + sigma * noise; lambda = log(alpha / sigma). All in
// fp32 as the tables are.
struct SolverLevel {
  float alpha, sigma, lambda;
};

// From sigma / alpha.
SolverLevel solver_level(float ratio);

// One more point than asked for, less the last: the solver ends at the final sigma instead. Only
// timesteps below `last_timestep` count. Throws InvalidInput when there are too many steps.
std::vector<double> solver_timesteps(const std::string& spacing, int num_train_timesteps,
                                     int last_timestep, int num_inference_steps, int steps_offset);

// Where in a run a timestep stands; rounding can give two steps the same one, of which a run that
// starts amid them takes the second. The last where there is none.
std::size_t solver_index(const std::vector<double>& timesteps, double timestep);

}  // namespace dream::engine
