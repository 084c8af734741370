#include "sdk/engine/schedulers/scheduler_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <stdexcept>

namespace dream::engine {
namespace {

using nlohmann::json;

// What the image schedulers of diffusers 0.42.1 take, sorted. A key another class put there says
// nothing about the class that runs.
constexpr std::string_view known_keys[] = {
    "algorithm_type",
    "base_image_seq_len",
    "base_shift",
    "beta_end",
    "beta_schedule",
    "beta_start",
    "clip_sample",
    "clip_sample_range",
    "corrector_order",
    "disable_corrector",
    "dynamic_thresholding_ratio",
    "eta",
    "euler_at_final",
    "final_sigmas_type",
    "final_step_size_scale",
    "flow_shift",
    "gamma",
    "interpolation_type",
    "invert_sigmas",
    "lambda_min_clipped",
    "lower_order_final",
    "max_image_seq_len",
    "max_shift",
    "n_grid",
    "noise_sampler_seed",
    "num_train_timesteps",
    "original_inference_steps",
    "predict_x0",
    "prediction_type",
    "predictor_order",
    "rescale_betas_zero_snr",
    "rho",
    "s_noise",
    "sample_max_value",
    "sampling_eps",
    "set_alpha_to_one",
    "set_alpha_to_zero",
    "shift",
    "shift_terminal",
    "sigma_data",
    "sigma_max",
    "sigma_min",
    "sigma_schedule",
    "skip_prk_steps",
    "snr",
    "snr_shift_scale",
    "solver_order",
    "solver_p",
    "solver_type",
    "steps_offset",
    "stochastic_sampling",
    "t_max",
    "t_min",
    "tau_func",
    "thresholding",
    "time_shift_type",
    "timestep_scaling",
    "timestep_spacing",
    "timestep_type",
    "trained_betas",
    "tsr_k",
    "tsr_sigma",
    "use_beta_sigmas",
    "use_dynamic_shifting",
    "use_exponential_sigmas",
    "use_flow_sigmas",
    "use_karras_sigmas",
    "use_lu_lambdas",
    "use_noise_sampler",
    "variance_type",
};

// diffusers writes infinities as the bare words Infinity and -Infinity; a reader may hand them on
// as text.
std::optional<double> as_number(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "-Infinity" || text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "Infinity" || text == "inf") return std::numeric_limits<double>::infinity();
  return std::nullopt;
}

}  // namespace

SchedulerConfig::SchedulerConfig(std::string scheduler, const json& config)
    : scheduler_(std::move(scheduler)), values_(config) {
  if (!values_.is_object())
    throw std::runtime_error(
        fmt::format("scheduler config: a JSON object is expected, not {}", config.type_name()));
  if (const auto defaults = config.find("_use_default_values");
      defaults != config.end() && defaults->is_array()) {
    for (const json& key : *defaults)
      if (key.is_string()) values_.erase(key.get<std::string>());
  }
  for (const auto& [key, value] : values_.items()) {
    if (key.starts_with('_') || value.is_null() || value == false) continue;
    if (!std::binary_search(std::begin(known_keys), std::end(known_keys), key))
      throw std::runtime_error(
          fmt::format("scheduler config: unknown key {} = {}; no scheduler knows it", key,
                      value.dump(-1, ' ', true, json::error_handler_t::replace)));
  }
}

const json* SchedulerConfig::find(const char* key) const {
  const auto found = values_.find(key);
  return found == values_.end() || found->is_null() ? nullptr : &*found;
}

void SchedulerConfig::fail(const char* key, const json& value, const std::string& allowed) const {
  throw std::runtime_error(
      fmt::format("scheduler config: {} = {} cannot be used by {}; allowed: {}", key,
                  value.dump(-1, ' ', true, json::error_handler_t::replace), scheduler_, allowed));
}

bool SchedulerConfig::flag(const char* key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(key, *value, "true, false");
  return value->get<bool>();
}

int SchedulerConfig::integer(const char* key, int fallback, int lowest, int highest) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  const double parsed = value->is_number() ? value->get<double>() : std::nan("");
  if (!(parsed >= lowest && parsed <= highest) || parsed != std::floor(parsed))
    fail(key, *value, fmt::format("whole numbers from {} to {}", lowest, highest));
  return static_cast<int>(parsed);
}

double SchedulerConfig::number(const char* key, double fallback, double lowest,
                               double highest) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  const std::optional<double> parsed = as_number(*value);
  if (!parsed || !(*parsed >= lowest && *parsed <= highest))
    fail(key, *value, fmt::format("numbers from {} to {}", lowest, highest));
  return *parsed;
}

std::string SchedulerConfig::choice(const char* key, const char* fallback,
                                    const std::vector<std::string_view>& allowed) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string() || std::find(allowed.begin(), allowed.end(),
                                       value->get_ref<const std::string&>()) == allowed.end())
    fail(key, *value, fmt::format("{}", fmt::join(allowed, ", ")));
  return value->get<std::string>();
}

std::optional<std::vector<double>> SchedulerConfig::numbers(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) fail(key, *value, "a list of numbers");
  std::vector<double> result;
  for (const json& item : *value) {
    if (!item.is_number()) fail(key, item, "a list of numbers");
    result.push_back(item.get<double>());
  }
  return result;
}

void SchedulerConfig::refuse(const char* key) const {
  if (const json* value = find(key); value != nullptr && *value != false)
    fail(key, *value, "null, false");
}

}  // namespace dream::engine
