#include "sdk/engine/schedulers/solver_levels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/schedulers/noise_schedule.hpp"

namespace dream::engine {

SolverLevel solver_level(float ratio) {
  const float alpha = 1.0F / std::sqrt(ratio * ratio + 1.0F);
  const float sigma = ratio * alpha;
  return {alpha, sigma, std::log(alpha) - std::log(sigma)};
}

std::vector<double> solver_timesteps(const std::string& spacing, int num_train_timesteps,
                                     int last_timestep, int num_inference_steps,
                                     int steps_offset) {
  if (spacing == "trailing")
    return trailing_timesteps(last_timestep, num_train_timesteps, num_inference_steps);
  std::vector<double> timesteps;
  if (spacing == "linspace") {
    for (const double t : linspace(last_timestep - 1, num_inference_steps + 1))
      timesteps.push_back(std::nearbyint(t));
  } else {
    const int ratio = last_timestep / (num_inference_steps + 1);
    if (ratio == 0)
      throw InvalidInput(
          fmt::format("num_inference_steps: {} is not allowed with leading spacing; allowed: "
                      "1 to {}",
                      num_inference_steps, last_timestep - 1));
    for (int i = 0; i <= num_inference_steps; ++i) timesteps.push_back(i * ratio + steps_offset);
  }
  std::reverse(timesteps.begin(), timesteps.end());
  timesteps.pop_back();
  return timesteps;
}

std::size_t solver_index(const std::vector<double>& timesteps, double timestep) {
  if (timesteps.empty()) throw std::logic_error("scheduler: set_timesteps was not called");
  if (timestep == timesteps.front()) return 0;
  const auto first = std::find(timesteps.begin(), timesteps.end(), timestep);
  if (first == timesteps.end()) return timesteps.size() - 1;
  const auto second = std::find(first + 1, timesteps.end(), timestep);
  return static_cast<std::size_t>((second == timesteps.end() ? first : second) -
                                  timesteps.begin());
}

}  // namespace dream::engine
