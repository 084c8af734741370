// Sampling of latent consistency models (arXiv 2310.04378): each call predicts the picture at once;
// all but the last put noise back and predict again.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

class LCMScheduler final : public Scheduler {
 public:
  LCMScheduler(const SchedulerConfig& config, double strength)
      : strength_(strength),
        schedule_(read_noise_schedule(config, config.flag("rescale_betas_zero_snr", false))),
        prediction_type_(
            config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
        original_steps_(
            config.integer("original_inference_steps", 50, 1, schedule_.num_train_timesteps())),
        timestep_scaling_(config.number("timestep_scaling", 10.0, 0, 1e6)),
        clip_sample_(config.flag("clip_sample", false)),
        clip_sample_range_(config.number("clip_sample_range", 1.0, 0, 1e6)) {
    config.refuse("thresholding");
  }

  // Evenly taken from the timesteps of the solver that the model was distilled from.
  void set_timesteps(int num_inference_steps) override {
    const int available = static_cast<int>(original_steps_ * strength_);
    if (available < 1) {
      throw InvalidInput(fmt::format(
          "prompt_strength is {}: of the {} steps of the distilled solver none would remain",
          strength_, original_steps_));
    }
    if (num_inference_steps < 1 || num_inference_steps > available) {
      throw InvalidInput(fmt::format(
          "num_inference_steps: {} is not allowed with LCM; allowed: 1 to {}, the steps of the "
          "distilled solver (original_inference_steps){}",
          num_inference_steps, available, strength_ < 1 ? " times prompt_strength" : ""));
    }
    const int spacing = schedule_.num_train_timesteps() / original_steps_;
    timesteps_.clear();
    // numpy.linspace multiplies the step, which is rounded, by the index.
    const double stride = static_cast<double>(available) / num_inference_steps;
    for (int i = 0; i < num_inference_steps; ++i) {
      const int skipped = static_cast<int>(std::floor(i * stride));
      timesteps_.push_back((available - skipped) * spacing - 1);
    }
    step_index_ = 0;
  }

  void set_begin_index(std::size_t index) override { step_index_ = index; }
  const std::vector<double>& timesteps() const override { return timesteps_; }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                  at::Generator& generator) override {
    at::Tensor picture = pred_original_sample(model_output, timestep, sample);
    if (clip_sample_) picture = picture.clamp(-clip_sample_range_, clip_sample_range_);
    // The boundary condition of consistency models: at timestep 0 the sample is the picture.
    constexpr double sigma_data = 0.5;
    const double scaled = timestep * timestep_scaling_;
    const double sum = scaled * scaled + sigma_data * sigma_data;
    const at::Tensor denoised =
        scaled / std::sqrt(sum) * picture + sigma_data * sigma_data / sum * sample;
    ++step_index_;
    if (step_index_ >= timesteps_.size()) return denoised;
    const at::Tensor noise = at::randn(sample.sizes(), generator, at::dtype(at::kFloat));
    return add_noise(denoised, to_device(noise, sample.device()), timesteps_[step_index_]);
  }

  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override {
    const float alpha_prod = schedule_.alpha_prod(timestep);
    return std::sqrt(alpha_prod) * original + std::sqrt(1.0F - alpha_prod) * noise;
  }

 private:
  at::Tensor pred_original_sample(const at::Tensor& model_output, double timestep,
                                  const at::Tensor& sample) const {
    const float alpha_prod = schedule_.alpha_prod(timestep);
    const float alpha = std::sqrt(alpha_prod), sigma = std::sqrt(1.0F - alpha_prod);
    if (prediction_type_ == "epsilon") return (sample - sigma * model_output) / alpha;
    if (prediction_type_ == "sample") return model_output;
    return alpha * sample - sigma * model_output;
  }

  double strength_;
  NoiseSchedule schedule_;
  std::string prediction_type_;
  int original_steps_;
  double timestep_scaling_;
  bool clip_sample_;
  double clip_sample_range_;

  std::vector<double> timesteps_;
  std::size_t step_index_ = 0;
};

}  // namespace

std::unique_ptr<Scheduler> make_lcm(const nlohmann::json& config, double strength) {
  return std::make_unique<LCMScheduler>(SchedulerConfig("LCM", config), strength);
}

}  // namespace dream::engine
