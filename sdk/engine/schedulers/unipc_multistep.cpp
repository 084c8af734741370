// UniPC (arXiv 2302.04867): a multistep predictor in lambda = log(alpha / sigma), whose last step
// is corrected once the model has seen where it led; orders 1 to 3.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"
#include "sdk/engine/schedulers/sigma_spacing.hpp"
#include "sdk/engine/schedulers/solver_levels.hpp"

namespace dream::engine {
namespace {

constexpr int highest_order = 3;
using Row = std::array<double, highest_order>;

// Solves the leading n x n part of `matrix` x = `right` by elimination with pivoting.
Row solve(std::array<Row, highest_order> matrix, Row right, int n) {
  for (int column = 0; column < n; ++column) {
    int pivot = column;
    for (int row = column + 1; row < n; ++row)
      if (std::abs(matrix[row][column]) > std::abs(matrix[pivot][column])) pivot = row;
    std::swap(matrix[column], matrix[pivot]);
    std::swap(right[column], right[pivot]);
    for (int row = column + 1; row < n; ++row) {
      const double factor = matrix[row][column] / matrix[column][column];
      for (int i = column; i < n; ++i) matrix[row][i] -= factor * matrix[column][i];
      right[row] -= factor * right[column];
    }
  }
  for (int row = n - 1; row >= 0; --row) {
    for (int i = row + 1; i < n; ++i) right[row] -= matrix[row][i] * right[i];
    right[row] /= matrix[row][row];
  }
  return right;
}

NoiseSchedule read_schedule(const SchedulerConfig& config) {
  const bool rescale = config.flag("rescale_betas_zero_snr", false);
  NoiseSchedule schedule = read_noise_schedule(config, rescale);
  // Nearly 0 instead of 0 keeps the first sigma finite; 2^-24 is the least positive fp16 number.
  if (rescale) schedule.alphas_cumprod.back() = 0x1p-24F;
  return schedule;
}

class UniPCMultistepScheduler final : public Scheduler {
 public:
  UniPCMultistepScheduler(const SchedulerConfig& config, bool karras)
      : schedule_(read_schedule(config)),
        prediction_type_(
            config.choice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"})),
        timestep_spacing_(config.choice("timestep_spacing", "linspace", timestep_spacings)),
        steps_offset_(config.integer("steps_offset", 0, 0, schedule_.num_train_timesteps())),
        solver_order_(config.integer("solver_order", 2, 1, highest_order)),
        predict_x0_(config.flag("predict_x0", true)),
        bh1_(config.choice("solver_type", "bh2", {"bh1", "bh2", "midpoint", "heun", "logrho"}) ==
             "bh1"),
        lower_order_final_(config.flag("lower_order_final", true)),
        final_sigma_zero_(config.choice("final_sigmas_type", "zero", {"zero", "sigma_min"}) ==
                          "zero"),
        disable_corrector_(config.numbers("disable_corrector").value_or(std::vector<double>{})),
        spacing_(read_sigma_spacing(config, karras)) {
    config.refuse("thresholding");
    config.refuse("solver_p");
    config.refuse("use_flow_sigmas");
    config.refuse("use_dynamic_shifting");
    // Of DPM-Solver's, which does not belong here.
    if (spacing_.curve == SigmaCurve::lu_lambdas) spacing_.curve = SigmaCurve::timesteps;
  }

  void set_timesteps(int num_inference_steps) override {
    const int train = schedule_.num_train_timesteps();
    check_steps(num_inference_steps, train);
    const std::vector<float> table = ratio_table(schedule_);
    sigmas_.clear();
    timesteps_.clear();
    if (spacing_.curve == SigmaCurve::timesteps) {
      timesteps_ =
          solver_timesteps(timestep_spacing_, train, train, num_inference_steps, steps_offset_);
      for (const double timestep : timesteps_)
        sigmas_.push_back(table[std::min(static_cast<std::size_t>(timestep), table.size() - 1)]);
    } else {
      const auto points = curve_points(spacing_.curve, spacing_.sigma_min.value_or(table.front()),
                                       spacing_.sigma_max.value_or(table.back()),
                                       num_inference_steps);
      for (const double sigma : points) {
        const double timestep = timestep_of_sigma(sigma, table);
        const bool rounds = spacing_.curve == SigmaCurve::karras;
        timesteps_.push_back(rounds ? std::nearbyint(timestep) : std::floor(timestep));
        sigmas_.push_back(static_cast<float>(sigma));
      }
    }
    const float lowest =
        spacing_.curve == SigmaCurve::timesteps ? table.front() : sigmas_.back();
    sigmas_.push_back(final_sigma_zero_ ? 0.0F : lowest);
    outputs_.clear();
    steps_taken_ = 0;
    last_sample_.reset();
    begin_index_.reset();
    step_index_.reset();
  }

  void set_begin_index(std::size_t index) override { begin_index_ = static_cast<int>(index); }
  const std::vector<double>& timesteps() const override { return timesteps_; }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& given,
                  at::Generator& /*generator*/) override {
    if (!step_index_)
      step_index_ = begin_index_.value_or(static_cast<int>(solver_index(timesteps_, timestep)));
    const int steps = static_cast<int>(timesteps_.size());
    if (*step_index_ >= steps)
      throw std::out_of_range(fmt::format("scheduler: step {} of {}", *step_index_ + 1, steps));

    const at::Tensor output = convert_model_output(model_output, given);
    const at::Tensor sample =
        uses_corrector() ? update(last_sample_, order_, -1, output) : given;
    outputs_.push_back(output);
    if (std::ssize(outputs_) > solver_order_) outputs_.erase(outputs_.begin());

    order_ = lower_order_final_ ? std::min(solver_order_, steps - *step_index_) : solver_order_;
    order_ = std::min(order_, steps_taken_ + 1);
    last_sample_ = sample;
    const at::Tensor prev_sample = update(sample, order_, 0, {});
    steps_taken_ = std::min(steps_taken_ + 1, solver_order_);
    ++*step_index_;
    return prev_sample;
  }

  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       double timestep) const override {
    auto index = static_cast<int>(solver_index(timesteps_, timestep));
    if (begin_index_) index = step_index_.value_or(*begin_index_);
    const SolverLevel at = solver_level(sigmas_.at(static_cast<std::size_t>(index)));
    return at.alpha * original + at.sigma * noise;
  }

 private:
  SolverLevel level(int offset) const {
    return solver_level(sigmas_.at(static_cast<std::size_t>(*step_index_ + offset)));
  }

  bool uses_corrector() const {
    const auto disabled = [&](double index) { return index == *step_index_ - 1; };
    return *step_index_ > 0 && last_sample_.defined() &&
           std::none_of(disable_corrector_.begin(), disable_corrector_.end(), disabled);
  }

  at::Tensor convert_model_output(const at::Tensor& model_output, const at::Tensor& sample) const {
    const SolverLevel s = level(0);
    if (predict_x0_) {
      if (prediction_type_ == "epsilon") return (sample - s.sigma * model_output) / s.alpha;
      if (prediction_type_ == "sample") return model_output;
      return s.alpha * sample - s.sigma * model_output;
    }
    if (prediction_type_ == "epsilon") return model_output;
    if (prediction_type_ == "sample") return (sample - s.alpha * model_output) / s.sigma;
    return s.alpha * model_output + s.sigma * sample;
  }

  // Weights of the differences of outputs: row k asks that (lambda step)^k is integrated exactly.
  // The predictor has one difference less, and a fixed weight at order 2; so has the corrector at
  // order 1.
  Row weights(const std::vector<double>& steps, double hh, double scale, bool corrects) const {
    const int order = static_cast<int>(steps.size());
    if (order == (corrects ? 1 : 2)) return {0.5};
    std::array<Row, highest_order> powers{};
    Row right{};
    double phi = std::expm1(hh) / hh - 1, factorial = 1;
    for (int k = 0; k < order; ++k) {
      for (int i = 0; i < order; ++i) powers[k][i] = std::pow(steps[i], k);
      right[k] = phi * factorial / scale;
      factorial *= k + 2;
      phi = phi / hh - 1 / factorial;
    }
    return solve(powers, right, corrects ? order : order - 1);
  }

  // From `sample` at the level `offset` steps on to the next, over the latest `order` outputs. With
  // `corrected`, what the model made of that next level, the step is taken again with it.
  at::Tensor update(const at::Tensor& sample, int order, int offset,
                    const at::Tensor& corrected) const {
    const SolverLevel t = level(offset + 1), s = level(offset);
    const float h = t.lambda - s.lambda;
    const float hh = predict_x0_ ? -h : h;
    const float phi_1 = std::expm1(hh);
    const float scale = bh1_ ? hh : phi_1;
    const auto output = [&](int back) { return *(outputs_.end() - 1 - back); };
    const float into = predict_x0_ ? t.alpha : t.sigma;
    const float kept = predict_x0_ ? t.sigma / s.sigma : t.alpha / s.alpha;
    const at::Tensor base = kept * sample - into * phi_1 * output(0);

    std::vector<double> steps;
    for (int back = 1; back < order; ++back)
      steps.push_back((level(offset - back).lambda - s.lambda) / h);
    steps.push_back(1);
    const bool corrects = corrected.defined();
    if (order == 1 && !corrects) return base;
    const Row weight = weights(steps, hh, scale, corrects);
    at::Tensor sum;
    for (int back = 1; back < order; ++back) {
      const at::Tensor term =
          (output(back) - output(0)) * (weight[back - 1] / steps[back - 1]);
      sum = sum.defined() ? sum + term : term;
    }
    if (corrects) {
      const at::Tensor term = weight[order - 1] * (corrected - output(0));
      sum = sum.defined() ? sum + term : term;
    }
    return base - into * scale * sum;
  }

  NoiseSchedule schedule_;
  std::string prediction_type_;
  std::string timestep_spacing_;
  int steps_offset_;
  int solver_order_;
  bool predict_x0_;
  bool bh1_;  // B(h) = h instead of expm1(h)
  bool lower_order_final_;
  bool final_sigma_zero_;
  std::vector<double> disable_corrector_;  // steps after which there is no correction
  SigmaSpacing spacing_;

  std::vector<double> timesteps_;
  std::vector<float> sigmas_;        // sigma / alpha before each step and after the last
  std::vector<at::Tensor> outputs_;  // converted, newest last, at most solver_order_
  at::Tensor last_sample_;           // where the last step started
  int order_ = 1;                    // of the last step
  int steps_taken_ = 0;              // at most solver_order_
  std::optional<int> begin_index_;
  std::optional<int> step_index_;
};

}  // namespace

std::unique_ptr<Scheduler> make_unipc_multistep(const nlohmann::json& config, bool karras) {
  return std::make_unique<UniPCMultistepScheduler>(SchedulerConfig("UniPCMultistep", config),
                                                   karras);
}

}  // namespace dream::engine
