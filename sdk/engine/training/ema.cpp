#include "sdk/engine/training/ema.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace dream::engine {
namespace {

std::vector<at::Tensor> values_of(const Parameters& parameters) {
  std::vector<at::Tensor> values;
  for (const auto& [name, value] : parameters) values.push_back(value);
  return values;
}

}  // namespace

Ema::Ema(Parameters parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay), step_(at::zeros({}, at::kLong)) {
  for (const auto& [name, value] : parameters_) averages_.push_back({name, value.detach().clone()});
}

void Ema::step() {
  const at::NoGradGuard no_grad;
  step_ += 1;
  // The first step is taken whole.
  const auto steps = static_cast<double>(step_.item<std::int64_t>() - 1);
  current_decay_ = steps > 0 ? std::min((1 + steps) / (10 + steps), decay_) : 0;
  if (averages_.empty()) return;
  at::_foreach_lerp_(values_of(averages_), values_of(parameters_), 1 - current_decay_);
}

void Ema::store() {
  stored_.clear();
  for (const auto& [name, value] : parameters_)
    stored_.push_back(value.detach().to(at::kCPU, value.scalar_type(), false, /*copy=*/true));
}

void Ema::copy_to() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < averages_.size(); ++i)
    parameters_[i].value.copy_(averages_[i].value);
}

void Ema::restore() {
  if (stored_.size() != parameters_.size() || stored_.empty())
    throw std::logic_error("there are no stored parameters to restore");
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < stored_.size(); ++i) parameters_[i].value.copy_(stored_[i]);
  stored_.clear();
}

NamedTensors Ema::state() const {
  NamedTensors named = {{"ema.step", step_}};
  for (const auto& [name, value] : averages_) named.emplace(name + ".ema", value);
  return named;
}

void Ema::load(const NamedTensors& state) {
  copy_tensors(state, this->state());
}

}  // namespace dream::engine
