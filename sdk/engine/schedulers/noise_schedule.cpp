#include "sdk/engine/schedulers/noise_schedule.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "sdk/engine/engine.hpp"

namespace dream::engine {
namespace {

constexpr int most_timesteps = 100'000;

at::Tensor to_tensor(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).to(at::kFloat);
}

// arXiv 2102.09672, eq. 17: the share of picture left falls as a squared cosine.
at::Tensor squared_cosine_betas(int num_train_timesteps) {
  const auto alpha_bar = [](double t) {
    const double cosine = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return cosine * cosine;
  };
  std::vector<double> betas;
  for (int i = 0; i < num_train_timesteps; ++i) {
    const double here = static_cast<double>(i) / num_train_timesteps;
    const double next = static_cast<double>(i + 1) / num_train_timesteps;
    betas.push_back(std::min(1 - alpha_bar(next) / alpha_bar(here), 0.999));
  }
  return to_tensor(betas);
}

// Shifts and stretches sqrt(alphas_cumprod) so that it keeps its first value and ends at zero.
at::Tensor rescale_zero_terminal_snr(const at::Tensor& betas) {
  at::Tensor root = at::cumprod(1.0 - betas, 0).sqrt();
  const at::Tensor first = root[0].clone();
  const at::Tensor last = root[-1].clone();
  root = (root - last) * (first / (first - last));
  const at::Tensor alphas_bar = root * root;
  const at::Tensor ratios = alphas_bar.slice(0, 1) / alphas_bar.slice(0, 0, -1);
  return 1 - at::cat({alphas_bar.slice(0, 0, 1), ratios});
}

at::Tensor read_betas(const SchedulerConfig& config, const std::string& beta_schedule) {
  const int count = config.integer("num_train_timesteps", 1000, 1, most_timesteps);
  if (const auto trained = config.numbers("trained_betas")) {
    if (static_cast<int>(trained->size()) != count)
      throw std::runtime_error(
          fmt::format("scheduler config: trained_betas has {} values, num_train_timesteps is {}",
                      trained->size(), count));
    return to_tensor(*trained);
  }
  if (beta_schedule == "squaredcos_cap_v2") return squared_cosine_betas(count);
  const double start = config.number("beta_start", 0.0001, 0, 1);
  const double end = config.number("beta_end", 0.02, 0, 1);
  if (beta_schedule == "linear") return at::linspace(start, end, count, at::kFloat);
  const at::Tensor root = at::linspace(std::sqrt(start), std::sqrt(end), count, at::kFloat);
  return root * root;  // "scaled_linear"
}

}  // namespace

float NoiseSchedule::alpha_prod(double timestep) const {
  if (!(timestep >= 0 && timestep < num_train_timesteps()))
    throw std::out_of_range(fmt::format("timestep {} is outside the {} training timesteps",
                                        timestep, num_train_timesteps()));
  return alphas_cumprod[static_cast<std::size_t>(timestep)];
}

NoiseSchedule read_noise_schedule(const SchedulerConfig& config, bool rescale_betas_zero_snr) {
  NoiseSchedule schedule;
  schedule.beta_schedule =
      config.choice("beta_schedule", "linear", {"linear", "scaled_linear", "squaredcos_cap_v2"});
  at::Tensor betas = read_betas(config, schedule.beta_schedule);
  if (rescale_betas_zero_snr) betas = rescale_zero_terminal_snr(betas);
  const at::Tensor products = at::cumprod(1.0 - betas, 0).contiguous();
  const float* data = products.const_data_ptr<float>();
  schedule.alphas_cumprod.assign(data, data + products.numel());
  return schedule;
}

NoiseSchedule read_sigma_schedule(const SchedulerConfig& config, bool rescale_betas_zero_snr) {
  NoiseSchedule schedule = read_noise_schedule(config, rescale_betas_zero_snr);
  // Nearly 0 instead of 0 keeps the first sigma finite; 2^-24 is the least positive fp16 number.
  if (rescale_betas_zero_snr) schedule.alphas_cumprod.back() = 0x1p-24F;
  return schedule;
}

void check_steps(int num_inference_steps, int num_train_timesteps) {
  if (num_inference_steps < 1 || num_inference_steps > num_train_timesteps)
    throw InvalidInput(fmt::format("num_inference_steps: {} is not allowed; allowed: 1 to {}",
                                   num_inference_steps, num_train_timesteps));
}

std::vector<double> linspace(double stop, int count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  const double step = count > 1 ? stop / (count - 1) : 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) * step;
  if (count > 1) values.back() = stop;
  return values;
}

std::vector<double> trailing_timesteps(int last_timestep, int num_train_timesteps,
                                       int num_inference_steps) {
  // As numpy.arange computes it: the length from the quotient, the values from the difference of
  // the first two.
  const double ratio = static_cast<double>(num_train_timesteps) / num_inference_steps;
  const double start = last_timestep;
  const double delta = (start - ratio) - start;
  const int count = static_cast<int>(std::ceil(start / ratio));
  std::vector<double> timesteps;
  for (int i = 0; i < count; ++i) {
    const double timestep = std::nearbyint(start + i * delta) - 1;
    // The quotient can come out a hair above a whole number (61 of 1000 steps, for one). numpy then
    // makes one timestep too many, -1, which diffusers takes for the noisiest; it is left out here.
    if (timestep >= 0) timesteps.push_back(timestep);
  }
  return timesteps;
}

std::vector<double> spaced_timesteps(const std::string& spacing, int num_train_timesteps,
                                     int num_inference_steps, int steps_offset) {
  check_steps(num_inference_steps, num_train_timesteps);
  if (spacing == "trailing")
    return trailing_timesteps(num_train_timesteps, num_train_timesteps, num_inference_steps);
  std::vector<double> timesteps;
  if (spacing == "linspace") {
    timesteps = linspace(num_train_timesteps - 1, num_inference_steps);
    for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
  } else {
    const int ratio = num_train_timesteps / num_inference_steps;
    for (int i = 0; i < num_inference_steps; ++i) timesteps.push_back(i * ratio + steps_offset);
  }
  std::reverse(timesteps.begin(), timesteps.end());
  if (timesteps.front() >= num_train_timesteps)
    throw InvalidInput(
        fmt::format("num_inference_steps: {} leaves no room for the steps_offset of {} in {} "
                    "training timesteps",
                    num_inference_steps, steps_offset, num_train_timesteps));
  return timesteps;
}

}  // namespace dream::engine
