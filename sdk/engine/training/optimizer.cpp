#include "sdk/engine/training/optimizer.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include "sdk/engine/training/block_quantizer.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t smallest_8bit = 4096;  // values of a tensor
// Values that are in 32 bits at a time while states of 8 bits are renewed.
constexpr std::int64_t chunk = BlockQuantizer::block * (1 << 15);

void check(const Parameters& parameters) {
  std::set<std::string_view> names;
  for (const auto& [name, value] : parameters) {
    const char* problem = !names.insert(name).second          ? "is there twice"
                          : !value.is_floating_point()        ? "is not of floating point"
                          : !value.is_non_overlapping_and_dense() ? "is not dense"
                          : value.device() != parameters.front().value.device()
                              ? "is on another device"
                              : nullptr;
    if (problem) throw std::logic_error(fmt::format("the parameter \"{}\" {}", name, problem));
  }
}

// The gradient as the fused operator reads it: value by value beside the parameter's, in memory.
at::Tensor gradient_like(const at::Tensor& value) {
  const auto& gradient = value.grad();
  if (gradient.scalar_type() == value.scalar_type() && gradient.strides() == value.strides())
    return gradient;
  return at::empty_like(value).copy_(gradient);
}

struct Quantizers {
  explicit Quantizers(at::Device device) : exp_avg(true, device), exp_avg_sq(false, device) {}
  BlockQuantizer exp_avg, exp_avg_sq;
};

}  // namespace

struct AdamW::State {
  at::Tensor step, exp_avg, exp_avg_sq;
  // Of 8 bits alone.
  at::Tensor exp_avg_absmax = {}, exp_avg_sq_absmax = {};
  std::shared_ptr<const Quantizers> quantizers = {};

  // With states of 8 bits.
  void step_8bit(const at::Tensor& parameter, const AdamWOptions& options, double learning_rate);
};

AdamW::AdamW(Parameters parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  check(parameters_);
  std::shared_ptr<const Quantizers> quantizers;
  for (const auto& [name, value] : parameters_) {
    const auto floats = at::TensorOptions(at::kFloat).device(value.device());
    if (!options.use_8bit || value.numel() < smallest_8bit) {
      states_.push_back({at::zeros({}, floats), at::zeros_like(value), at::zeros_like(value)});
      continue;
    }
    if (!quantizers) quantizers = std::make_shared<const Quantizers>(value.device());
    const auto bytes = floats.dtype(at::kByte);
    const auto blocks = BlockQuantizer::blocks(value.numel());
    states_.push_back({at::zeros({}, at::kFloat), at::zeros({value.numel()}, bytes),
                       at::zeros({value.numel()}, bytes), at::zeros({blocks}, floats),
                       at::zeros({blocks}, floats), quantizers});
  }
}

AdamW::~AdamW() = default;
AdamW::AdamW(AdamW&&) noexcept = default;

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, exp_avgs, exp_avg_sqs, steps;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const auto& value = parameters_[i].value;
    if (!value.grad().defined()) continue;
    if (states_[i].quantizers) {
      states_[i].step_8bit(value, options_, learning_rate);
      continue;
    }
    values.push_back(value);
    gradients.push_back(gradient_like(value));
    exp_avgs.push_back(states_[i].exp_avg);
    exp_avg_sqs.push_back(states_[i].exp_avg_sq);
    steps.push_back(states_[i].step);
  }
  if (values.empty()) return;
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(values, gradients, exp_avgs, exp_avg_sqs, {}, steps, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false);
}

void AdamW::State::step_8bit(const at::Tensor& parameter, const AdamWOptions& options,
                             double learning_rate) {
  step += 1;
  const auto steps = step.item<double>();
  const double correction = 1 - std::pow(options.beta1, steps);
  const double root_correction = std::sqrt(1 - std::pow(options.beta2, steps));
  const auto all_values = parameter.reshape({-1}), gradients = parameter.grad().reshape({-1});
  for (std::int64_t at = 0; at < all_values.numel(); at += chunk) {
    const auto count = std::min(chunk, all_values.numel() - at);
    const auto part = [&](const at::Tensor& whole) { return whole.narrow(0, at, count); };
    const auto scales = [&](const at::Tensor& whole) {
      return whole.narrow(0, at / BlockQuantizer::block, BlockQuantizer::blocks(count));
    };
    const auto gradient = part(gradients).to(at::kFloat);
    auto mean = quantizers->exp_avg.decode(part(exp_avg), scales(exp_avg_absmax));
    auto square = quantizers->exp_avg_sq.decode(part(exp_avg_sq), scales(exp_avg_sq_absmax));
    mean.mul_(options.beta1).add_(gradient, 1 - options.beta1);
    square.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
    quantizers->exp_avg.encode(mean, part(exp_avg), scales(exp_avg_absmax));
    quantizers->exp_avg_sq.encode(square, part(exp_avg_sq), scales(exp_avg_sq_absmax));
    // The step itself goes by the moments before they are rounded.
    const auto denominator = square.sqrt_().div_(root_correction).add_(options.epsilon);
    part(all_values)
        .mul_(1 - learning_rate * options.weight_decay)
        .addcdiv_(mean, denominator, -learning_rate / correction);
  }
  // reshape() has copied one that does not lie in the order of its indices.
  if (!all_values.is_alias_of(parameter)) parameter.copy_(all_values.view(parameter.sizes()));
}

void AdamW::zero_grad() {
  for (auto& parameter : parameters_) parameter.value.mutable_grad() = at::Tensor();
}

std::int64_t AdamW::bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : state()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

NamedTensors AdamW::state() const {
  NamedTensors named;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const auto& state = states_[i];
    const auto put = [&](std::string_view part, const at::Tensor& tensor) {
      named.emplace(fmt::format("{}.{}", parameters_[i].name, part), tensor);
    };
    put("step", state.step);
    put("exp_avg", state.exp_avg);
    put("exp_avg_sq", state.exp_avg_sq);
    if (!state.quantizers) continue;
    put("exp_avg_absmax", state.exp_avg_absmax);
    put("exp_avg_sq_absmax", state.exp_avg_sq_absmax);
  }
  return named;
}

void AdamW::load(const NamedTensors& state) {
  copy_tensors(state, this->state());
}

double clip_grad_norm(const Parameters& parameters, double max_norm) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const auto& [name, value] : parameters)
    if (value.grad().defined()) gradients.push_back(value.grad());
  if (gradients.empty()) return 0;
  const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)), 2);
  const auto factor = (norm + 1e-6).reciprocal() * max_norm;
  // NaN is no factor to keep from the gradients.
  if (!(factor.item<double>() >= 1)) at::_foreach_mul_(gradients, factor);
  return norm.item<double>();
}

}  // namespace dream::engine
