// DDIM, "Denoising Diffusion Implicit Models" (arXiv 2010.02502): each step predicts the clean
// picture and walks straight towards it; eta above 0 puts part of the noise back fresh.
#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

class DDIMScheduler final : public Scheduler {
 public:
  DDIMScheduler(const SchedulerConfig& config, double eta)
      : eta_(static_cast<float>(eta)),
        schedule_(read_noise_schedule(config, config.flag("rescale_betas_zero_snr", false))),
        prediction_type_(
            config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
        timestep_spacing_(config.choice("timestep_spacing", "leading", timestep_spacings)),
        steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
        clip_sample_(config.flag("clip_sample", true)),
        clip_sample_range_(config.number("clip_sample_range", 1.0, 0, 1e6)),
        final_alpha_cumprod_(
            config.flag("set_alpha_to_one", true) ? 1.0F : schedule_.alphas_cumprod.front()) {
    config.refuse("thresholding");
  }

  void set_timesteps(int num_inference_steps) override {
    timesteps_ = spaced_timesteps(timestep_spacing_, schedule_.num_train_timesteps(),
                                  num_inference_steps, steps_offset_);
    step_ratio_ = schedule_.num_train_timesteps() / num_inference_steps;
  }

  const std::vector<double>& timesteps() const override { return timesteps_; }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& generator) override {
    const double prev_timestep = timestep - step_ratio_;
    const float alpha_prod_t = schedule_.alpha_prod(timestep);
    const float alpha_prod_t_prev =
        prev_timestep >= 0 ? schedule_.alpha_prod(prev_timestep) : final_alpha_cumprod_;
    const float alpha_t = std::sqrt(alpha_prod_t);
    const float sigma_t = std::sqrt(1.0F - alpha_prod_t);

    at::Tensor pred_original_sample = model_output;
    at::Tensor pred_epsilon = model_output;
    if (prediction_type_ == "epsilon") {
      pred_original_sample = (sample - sigma_t * model_output) / alpha_t;
    } else if (prediction_type_ == "sample") {
      pred_epsilon = (sample - alpha_t * model_output) / sigma_t;
    } else {  // v_prediction
      pred_original_sample = alpha_t * sample - sigma_t * model_output;
      pred_epsilon = alpha_t * model_output + sigma_t * sample;
    }
    if (clip_sample_)
      pred_original_sample = pred_original_sample.clamp(-clip_sample_range_, clip_sample_range_);

    const float variance = (1.0F - alpha_prod_t_prev) / (1.0F - alpha_prod_t) *
                           (1.0F - alpha_prod_t / alpha_prod_t_prev);
    const float deviation = eta_ * std::sqrt(variance);  // formula (16)
    const at::Tensor direction =
        std::sqrt(1.0F - alpha_prod_t_prev - deviation * deviation) * pred_epsilon;
    const at::Tensor prev_sample = std::sqrt(alpha_prod_t_prev) * pred_original_sample + direction;
    if (eta_ == 0) return prev_sample;
    const at::Tensor noise = at::randn(sample.sizes(), generator, at::dtype(at::kFloat));
    return prev_sample + deviation * to_device(noise, sample.device());
  }

  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override {
    const float alpha_prod = schedule_.alpha_prod(timestep);
    return std::sqrt(alpha_prod) * original + std::sqrt(1.0F - alpha_prod) * noise;
  }

 private:
  float eta_;
  NoiseSchedule schedule_;
  std::string prediction_type_;
  std::string timestep_spacing_;
  int steps_offset_;
  bool clip_sample_;
  double clip_sample_range_;
  float final_alpha_cumprod_;  // stands for timesteps below 0

  std::vector<double> timesteps_;
  int step_ratio_ = 0;  // training timesteps per inference step
};

}  // namespace

std::unique_ptr<Scheduler> make_ddim(const nlohmann::json& config, double eta) {
  return std::make_unique<DDIMScheduler>(SchedulerConfig("DDIM", config), eta);
}

}  // namespace dream::engine
