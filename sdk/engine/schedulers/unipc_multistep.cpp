// UniPC (arXiv 2302.04867): a multistep predictor in lambda = log(alpha / sigma), whose last step
// is corrected once the model has seen where it led; orders 1 to 3.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "sdk/engine/schedulers/solver_scheduler.hpp"

namespace dream::engine {
namespace {

using Row = std::array<double, highest_solver_order>;  // one entry per order

// Solves the leading n x n part of `matrix` x = `right` by elimination with pivoting.
Row solve(std::array<Row, highest_solver_order> matrix, Row right, int n) {
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

class UniPCMultistepScheduler final : public SolverScheduler {
 public:
  UniPCMultistepScheduler(const SchedulerConfig& config, bool karras)
      : SolverScheduler(config, read_sigma_spacing(config, karras)),
        bh1_(config.choice("solver_type", "bh2", {"bh1", "bh2", "midpoint", "heun", "logrho"}) ==
             "bh1"),
        disable_corrector_(config.numbers("disable_corrector").value_or(std::vector<double>{})) {
    config.refuse("solver_p");
    predicts_picture_ = config.flag("predict_x0", true);
    if (spacing_.curve == SigmaCurve::karras) rounding_ = TimestepRounding::nearest;
  }

  void set_timesteps(int num_inference_steps) override {
    SolverScheduler::set_timesteps(num_inference_steps);
    // A curve ends where it ends, not at the schedule's own lowest sigma.
    if (spacing_.curve != SigmaCurve::timesteps && !final_sigma_zero_)
      sigmas_.back() = *(sigmas_.end() - 2);
    steps_taken_ = 0;
    last_sample_.reset();
  }

  at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& given,
                  at::Generator& /*generator*/) override {
    const int index = step_index(timestep);
    const at::Tensor converted = convert_model_output(model_output, given);
    const at::Tensor sample =
        uses_corrector(index) ? update(last_sample_, order_, -1, converted) : given;
    remember(converted);

    order_ = lower_order_final_ ? std::min(solver_order_, steps() - index) : solver_order_;
    order_ = std::min(order_, steps_taken_ + 1);
    last_sample_ = sample;
    const at::Tensor prev_sample = update(sample, order_, 0, {});
    steps_taken_ = std::min(steps_taken_ + 1, solver_order_);
    next_step();
    return prev_sample;
  }

 private:
  bool uses_corrector(int index) const {
    const auto disabled = [&](double each) { return each == index - 1; };
    return index > 0 && last_sample_.defined() &&
           std::none_of(disable_corrector_.begin(), disable_corrector_.end(), disabled);
  }

  // Weights of the differences of outputs: row k asks that (lambda step)^k is integrated exactly.
  // The predictor has one difference less, and a fixed weight at order 2; so has the corrector at
  // order 1.
  Row weights(const std::vector<double>& steps, double hh, double scale, bool corrects) const {
    const int order = static_cast<int>(steps.size());
    if (order == (corrects ? 1 : 2)) return {0.5};
    std::array<Row, highest_solver_order> powers{};
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
    const float hh = predicts_picture_ ? -h : h;
    const float phi_1 = std::expm1(hh);
    const float scale = bh1_ ? hh : phi_1;
    const float into = predicts_picture_ ? t.alpha : t.sigma;
    const float kept = predicts_picture_ ? t.sigma / s.sigma : t.alpha / s.alpha;
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

  bool bh1_;                               // B(h) = h instead of expm1(h)
  std::vector<double> disable_corrector_;  // steps after which there is no correction

  at::Tensor last_sample_;  // where the last step started
  int order_ = 1;           // of the last step
  int steps_taken_ = 0;     // at most solver_order_
};

}  // namespace

std::unique_ptr<Scheduler> make_unipc_multistep(const nlohmann::json& config, bool karras) {
  return std::make_unique<UniPCMultistepScheduler>(SchedulerConfig("UniPCMultistep", config),
                                                   karras);
}

}  // namespace dream::engine
