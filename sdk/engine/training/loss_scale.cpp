#include "sdk/engine/training/loss_scale.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <utility>

namespace dream::engine {
namespace {

constexpr double first_scale = 65536, growth_factor = 2, backoff_factor = 0.5;
constexpr std::int64_t growth_interval = 2000;

}  // namespace

LossScale::LossScale(bool on, at::Device device) : on_(on) {
  if (!on) return;
  scale_ = at::full({1}, first_scale, at::TensorOptions(device).dtype(at::kFloat));
  growth_ = at::zeros({1}, at::TensorOptions(device).dtype(at::kInt));
}

bool LossScale::unscale(const Parameters& parameters) {
  if (!on_) return true;
  const at::NoGradGuard unrecorded;
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : parameters)
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad());
  auto overflow = at::zeros({1}, scale_.options());
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, overflow, 1 / scale_);
  const bool fits = overflow.item<float>() == 0;
  at::_amp_update_scale_(scale_, growth_, overflow, growth_factor, backoff_factor, growth_interval);
  return fits;
}

std::vector<at::Tensor> LossScale::state() const {
  if (!on_) return {};
  return {scale_, growth_};
}

void LossScale::load(const std::vector<at::Tensor>& state) {
  if (!on_ || state.size() != 2) return;
  scale_.copy_(state[0]);
  growth_.copy_(state[1]);
}

}  // namespace dream::engine
