#include "sdk/engine/training/training_step.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sdk/engine/schedulers/noise_schedule.hpp"
#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

at::Tensor read_alphas_cumprod(const nlohmann::json& scheduler) {
  const SchedulerConfig config("DDIM", scheduler);
  const bool rescaled = config.flag("rescale_betas_zero_snr", false);
  return at::tensor(read_noise_schedule(config, rescaled).alphas_cumprod, at::kFloat);
}

bool predicts_v(const TrainRequest& request, const nlohmann::json& scheduler) {
  const auto type = scheduler.value("prediction_type", "epsilon");
  if (type == "epsilon" || type == "v_prediction") return type == "v_prediction";
  throw InvalidInput(fmt::format(
      "{}: its prediction_type is \"{}\"; epsilon and v_prediction can be trained",
      request.base.string(), type));
}

}  // namespace

at::Tensor min_snr_weights(const at::Tensor& snr, double gamma, bool v_prediction) {
  if (v_prediction) return snr.clamp_max(gamma) / (snr + 1);
  return (gamma / snr).clamp_max(1);  // as well where nothing of the picture is left
}

TrainingStep::TrainingStep(const TrainRequest& request, const Components& parts,
                           const Dataset& data)
    : request_(request),
      parts_(parts),
      data_(data),
      alphas_cumprod_(read_alphas_cumprod(parts.scheduler)),
      v_prediction_(predicts_v(request, parts.scheduler)) {}

Draws TrainingStep::draw(const Batch& batch, at::Generator& generator) const {
  const auto rows = std::ssize(batch.rows);
  auto sizes = batch.rows.front().latents->mean.sizes().vec();
  sizes[0] = rows;
  Draws draws;
  draws.posterior = at::randn(sizes, generator, at::kFloat);
  draws.noise = at::randn(sizes, generator, at::kFloat);
  if (request_.offset_noise > 0)
    draws.offset = at::randn({rows, sizes[1], 1, 1}, generator, at::kFloat);
  const auto timesteps = at::randint(alphas_cumprod_.size(0), {rows}, generator, at::kLong);
  const auto* const first = timesteps.const_data_ptr<std::int64_t>();
  draws.timesteps.assign(first, first + rows);
  return draws;
}

at::Tensor TrainingStep::latents(const Batch& batch, const at::Tensor& posterior) const {
  std::vector<at::Tensor> means, logvars;
  for (const auto& row : batch.rows) {
    means.push_back(row.latents->mean);
    logvars.push_back(row.latents->logvar);
  }
  const auto mean = at::cat(means).to(at::kFloat), logvar = at::cat(logvars).to(at::kFloat);
  return parts_.vae.from_raw(mean + at::exp(logvar * 0.5) * posterior);
}

// [1, tokens, width]: the prompt's ids followed by padding, all of them seen.
at::Tensor TrainingStep::encoded(int prompt, std::int64_t tokens) {
  auto ids = data_.prompts()[prompt];
  ids.resize(tokens, parts_.tokenizer.pad());
  if (request_.train_text_encoder) return parts_.text_encoder.forward(ids, 0);
  auto& kept = frozen_[{prompt, tokens}];
  if (!kept.defined()) {
    const at::NoGradGuard unrecorded;
    kept = parts_.text_encoder.forward(ids, 0);
  }
  return kept;
}

// [rows, tokens, width]. Each different prompt is encoded once, whatever the number of its rows.
at::Tensor TrainingStep::states(const Batch& batch) {
  std::int64_t tokens = request_.pad_tokens ? parts_.tokenizer.max_length() : 0;
  for (const auto& row : batch.rows)
    tokens = std::max<std::int64_t>(tokens, std::ssize(data_.prompts()[row.prompt]));
  std::map<int, at::Tensor> by_prompt;
  std::vector<at::Tensor> rows;
  for (const auto& row : batch.rows) {
    auto& one = by_prompt[row.prompt];
    if (!one.defined()) one = encoded(row.prompt, tokens);
    rows.push_back(one);
  }
  return at::cat(rows);
}

// The mean over rows of each row's mean squared error times its weight.
at::Tensor TrainingStep::weighted(const at::Tensor& error, const at::Tensor& share) const {
  if (!request_.snr_gamma) return error.mean();
  const auto weights = min_snr_weights(share / (1 - share), *request_.snr_gamma, v_prediction_);
  return (error.mean({1, 2, 3}) * to_device(weights, error.device())).mean();
}

at::Tensor TrainingStep::loss(const Batch& batch, const Draws& draws) {
  const auto device = parts_.compute.device;
  const auto clean = latents(batch, to_device(draws.posterior, device));
  auto noise = draws.noise;
  if (draws.offset.defined()) noise = noise + request_.offset_noise * draws.offset;
  noise = to_device(noise, device);
  const auto share =
      alphas_cumprod_.index_select(0, at::tensor(draws.timesteps, at::kLong));
  const auto column = to_device(share, device).view({-1, 1, 1, 1});
  const auto of_picture = at::sqrt(column), of_noise = at::sqrt(1 - column);
  const auto noisy = of_picture * clean + of_noise * noise;
  const auto target = v_prediction_ ? of_picture * noise - of_noise * clean : noise;

  TextContext text(states(batch));
  const auto prediction = parts_.unet.forward(noisy, draws.timesteps, text).to(at::kFloat);
  const auto error = at::mse_loss(prediction, target, at::Reduction::None);
  if (!request_.with_prior_preservation) return weighted(error, share);
  const auto halves = error.chunk(2);
  return weighted(halves[0], share.chunk(2)[0]) + request_.prior_loss_weight * halves[1].mean();
}

}  // namespace dream::engine
