#include "sdk/engine/schedulers/sigma_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sdk/engine/schedulers/beta_quantile.hpp"

namespace dream::engine {
namespace {

std::optional<double> read_sigma(const SchedulerConfig& config, const char* key) {
  const double sigma = config.number(key, -1.0, 0.0, 1e6);
  return sigma < 0 ? std::nullopt : std::optional<double>(sigma);
}

// `sigma_max` down to `sigma_min` along a curve other than `timesteps`.
std::vector<double> curve_points(SigmaCurve curve, double sigma_min, double sigma_max, int count) {
  constexpr double rho = 7.0;         // the value of the Karras paper
  constexpr double beta_shape = 0.6;  // that of the beta paper
  std::vector<double> points = linspace(1.0, count);
  const double karras_max = std::pow(sigma_max, 1 / rho);
  const double karras_min = std::pow(sigma_min, 1 / rho);
  for (double& point : points) {
    if (curve == SigmaCurve::karras) {
      point = std::pow(karras_max + point * (karras_min - karras_max), rho);
    } else if (curve == SigmaCurve::beta) {
      point = sigma_min + beta_quantile(1 - point, beta_shape) * (sigma_max - sigma_min);
    } else {
      // Uniform in log sigma, which is minus lambda.
      point = std::exp(std::log(sigma_max) + point * (std::log(sigma_min) - std::log(sigma_max)));
    }
  }
  return points;
}

// The timestep, with a fraction, at which `ratio_table` has this sigma; the table's ends beyond it.
double timestep_of_sigma(double sigma, const std::vector<float>& ratio_table) {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  const auto log_of = [&](std::size_t i) {
    return static_cast<float>(std::log(static_cast<double>(ratio_table[i])));
  };
  // Logarithms are compared, since two sigmas may share one in fp32.
  std::size_t above = 0;
  while (above < ratio_table.size() && log_of(above) <= log_sigma) ++above;
  if (ratio_table.size() < 2) return 0;
  const std::size_t low = std::min(above == 0 ? 0 : above - 1, ratio_table.size() - 2);
  const double span = log_of(low) - log_of(low + 1);  // in fp32, as numpy has it
  const double weight = std::clamp((log_of(low) - log_sigma) / span, 0.0, 1.0);
  return (1 - weight) * static_cast<double>(low) + weight * static_cast<double>(low + 1);
}

double rounded(double timestep, TimestepRounding rounding) {
  if (rounding == TimestepRounding::nearest) return std::nearbyint(timestep);
  if (rounding == TimestepRounding::down) return std::floor(timestep);
  return static_cast<float>(timestep);
}

}  // namespace

SigmaSpacing read_sigma_spacing(const SchedulerConfig& config, bool karras, bool has_lu_lambdas) {
  SigmaSpacing spacing;
  spacing.sigma_min = read_sigma(config, "sigma_min");
  spacing.sigma_max = read_sigma(config, "sigma_max");
  const bool exponential = config.flag("use_exponential_sigmas", false);
  karras = config.flag("use_karras_sigmas", false) || karras;
  const bool beta = config.flag("use_beta_sigmas", false);
  if (karras + exponential + beta > 1)
    throw std::runtime_error(
        "scheduler config: use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas exclude "
        "each other");
  if (karras) {
    spacing.curve = SigmaCurve::karras;
  } else if (has_lu_lambdas && config.flag("use_lu_lambdas", false)) {
    spacing = {SigmaCurve::lu_lambdas, std::nullopt, std::nullopt};
  } else if (exponential) {
    spacing.curve = SigmaCurve::exponential;
  } else if (beta) {
    spacing.curve = SigmaCurve::beta;
  }
  return spacing;
}

SpacedSigmas space_sigmas(const SigmaSpacing& spacing, SigmaEnds ends,
                          const std::vector<float>& ratio_table, TimestepRounding rounding,
                          int num_inference_steps) {
  SpacedSigmas result;
  for (const double sigma :
       curve_points(spacing.curve, spacing.sigma_min.value_or(ends.lowest),
                    spacing.sigma_max.value_or(ends.highest), num_inference_steps)) {
    result.sigmas.push_back(static_cast<float>(sigma));
    result.timesteps.push_back(rounded(timestep_of_sigma(sigma, ratio_table), rounding));
  }
  return result;
}

std::vector<float> ratio_table(const NoiseSchedule& schedule) {
  std::vector<float> table;
  for (const float alpha_prod : schedule.alphas_cumprod)
    table.push_back(std::sqrt((1.0F - alpha_prod) / alpha_prod));
  return table;
}

int clipped_timesteps(const NoiseSchedule& schedule, double lambda_min) {
  return static_cast<int>(std::count_if(
      schedule.alphas_cumprod.begin(), schedule.alphas_cumprod.end(), [lambda_min](float product) {
        const float lambda = std::log(std::sqrt(product)) - std::log(std::sqrt(1.0F - product));
        return lambda < lambda_min;
      }));
}

}  // namespace dream::engine
