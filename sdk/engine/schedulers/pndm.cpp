// PNDM, "Pseudo Numerical Methods for Diffusion Models on Manifolds" (arXiv 2202.09778): a linear
// multistep method over the model's outputs (PLMS), started by Runge-Kutta steps (PRK) or, as
// Stable Diffusion does, by one repeated timestep.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"

namespace dream::engine {
namespace {

constexpr int pndm_order = 4;

class PNDMScheduler final : public Scheduler {
 public:
  explicit PNDMScheduler(const SchedulerConfig& config)
      : schedule_(read_noise_schedule(config, false)),
        prediction_type_(config.choice("prediction_type", "epsilon", {"epsilon", "v_prediction"})),
        timestep_spacing_(config.choice("timestep_spacing", "leading", timestep_spacings)),
        steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
        skip_prk_steps_(config.flag("skip_prk_steps", false)),
        final_alpha_cumprod_(
            config.flag("set_alpha_to_one", false) ? 1.0F : schedule_.alphas_cumprod.front()) {}

  void set_timesteps(int num_inference_steps) override {
    const std::vector<double> spaced = spaced_timesteps(
        timestep_spacing_, schedule_.num_train_timesteps(), num_inference_steps, steps_offset_);
    step_ratio_ = schedule_.num_train_timesteps() / num_inference_steps;
    prk_timesteps_.clear();
    if (skip_prk_steps_) {
      timesteps_ = spaced;
      if (spaced.size() > 1) timesteps_.insert(timesteps_.begin() + 1, spaced[1]);
    } else {
      set_prk_timesteps(spaced);
    }
    counter_ = 0;
    ets_.clear();
    cur_sample_.reset();
    cur_model_output_.reset();
  }

  const std::vector<double>& timesteps() const override { return timesteps_; }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& /*generator*/) override {
    at::Tensor prev_sample = counter_ < prk_timesteps_.size()
                                 ? step_prk(model_output, timestep, sample)
                                 : step_plms(model_output, timestep, sample);
    ++counter_;
    return prev_sample;
  }

  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override {
    const float alpha_prod = schedule_.alpha_prod(timestep);
    return std::sqrt(alpha_prod) * original + std::sqrt(1.0F - alpha_prod) * noise;
  }

 private:
  // Each of the first three timesteps t is run four times: at t, twice half a step on, and at the
  // next t, as a Runge-Kutta step evaluates its function.
  void set_prk_timesteps(const std::vector<double>& spaced) {
    if (spaced.size() < pndm_order)
      throw InvalidInput(fmt::format(
          "num_inference_steps: {} is too few; with skip_prk_steps = false PNDM needs at least {}",
          spaced.size(), pndm_order));
    const double half_step = step_ratio_ / 2;
    timesteps_.clear();
    for (std::size_t i = 0; i + 1 < pndm_order; ++i) {
      const double middle = spaced[i + 1] + half_step;
      timesteps_.insert(timesteps_.end(), {spaced[i], middle, middle, spaced[i + 1]});
    }
    prk_timesteps_ = timesteps_;
    timesteps_.insert(timesteps_.end(), spaced.begin() + pndm_order - 1, spaced.end());
  }

  at::Tensor step_prk(const at::Tensor& model_output, double timestep, const at::Tensor& sample) {
    const double prev_timestep = timestep - (counter_ % 2 == 1 ? 0 : step_ratio_ / 2);
    const double start = prk_timesteps_[counter_ / 4 * 4];
    at::Tensor slope = model_output;
    switch (counter_ % 4) {
      case 0:
        cur_model_output_ = model_output / 6.0;
        ets_.push_back(model_output);
        cur_sample_ = sample;
        break;
      case 3:
        slope = cur_model_output_ + model_output / 6.0;
        break;
      default:
        cur_model_output_ = cur_model_output_ + model_output / 3.0;
    }
    return prev_sample(cur_sample_, start, prev_timestep, slope);
  }

  at::Tensor step_plms(const at::Tensor& model_output, double timestep, const at::Tensor& sample) {
    double prev_timestep = timestep - step_ratio_;
    at::Tensor start = sample;
    at::Tensor slope = model_output;
    if (counter_ == 1) {
      // The repeated timestep: goes again from the first sample, with the mean of both slopes.
      prev_timestep = timestep;
      timestep += step_ratio_;
      slope = (model_output + ets_.back()) / 2;
      start = cur_sample_;
    } else {
      if (counter_ == 0) cur_sample_ = sample;
      if (ets_.size() > 3) ets_.erase(ets_.begin());
      ets_.push_back(model_output);
      slope = multistep_slope();
    }
    return prev_sample(start, timestep, prev_timestep, slope);
  }

  // Adams-Bashforth over the latest outputs, formula (12) with fewer terms while there are fewer.
  at::Tensor multistep_slope() const {
    const auto e = [this](std::size_t back) { return ets_[ets_.size() - back]; };
    switch (ets_.size()) {
      case 1:
        return e(1);
      case 2:
        return (3 * e(1) - e(2)) / 2;
      case 3:
        return (23 * e(1) - 16 * e(2) + 5 * e(3)) / 12;
      default:
        return (1.0 / 24) * (55 * e(1) - 59 * e(2) + 37 * e(3) - 9 * e(4));
    }
  }

  // Formula (9): from `timestep` to `prev_timestep` along the noise `model_output`.
  at::Tensor prev_sample(const at::Tensor& sample, double timestep, double prev_timestep,
                         at::Tensor model_output) const {
    const float alpha_prod_t = schedule_.alpha_prod(timestep);
    const float alpha_prod_t_prev =
        prev_timestep >= 0 ? schedule_.alpha_prod(prev_timestep) : final_alpha_cumprod_;
    const float beta_prod_t = 1.0F - alpha_prod_t;
    const float beta_prod_t_prev = 1.0F - alpha_prod_t_prev;
    if (prediction_type_ == "v_prediction")
      model_output = std::sqrt(alpha_prod_t) * model_output + std::sqrt(beta_prod_t) * sample;

    const float sample_coeff = std::sqrt(alpha_prod_t_prev / alpha_prod_t);
    const float model_output_denom_coeff =
        alpha_prod_t * std::sqrt(beta_prod_t_prev) +
        std::sqrt(alpha_prod_t * beta_prod_t * alpha_prod_t_prev);
    return sample_coeff * sample -
           (alpha_prod_t_prev - alpha_prod_t) * model_output / model_output_denom_coeff;
  }

  NoiseSchedule schedule_;
  std::string prediction_type_;
  std::string timestep_spacing_;
  int steps_offset_;
  bool skip_prk_steps_;
  float final_alpha_cumprod_;  // stands for timesteps below 0

  std::vector<double> timesteps_;
  std::vector<double> prk_timesteps_;
  int step_ratio_ = 0;           // training timesteps per inference step
  std::size_t counter_ = 0;      // steps done
  std::vector<at::Tensor> ets_;  // latest outputs, newest last, at most four
  at::Tensor cur_sample_;        // where the current compound step started
  at::Tensor cur_model_output_;  // weighted sum of a Runge-Kutta step's slopes
};

}  // namespace

std::unique_ptr<Scheduler> make_pndm(const nlohmann::json& config) {
  return std::make_unique<PNDMScheduler>(SchedulerConfig("PNDM", config));
}

}  // namespace dream::engine
