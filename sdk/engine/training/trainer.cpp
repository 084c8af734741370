#include "sdk/engine/training/trainer.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "sdk/engine/tensor/autocast.hpp"
#include "sdk/engine/tensor/recompute.hpp"
#include "sdk/engine/training/check_request.hpp"
#include "sdk/engine/training/checkpoint.hpp"
#include "sdk/engine/training/dataset.hpp"
#include "sdk/engine/training/ema.hpp"
#include "sdk/engine/training/loss_scale.hpp"
#include "sdk/engine/training/lr_schedule.hpp"
#include "sdk/engine/training/optimizer.hpp"
#include "sdk/engine/training/request_digest.hpp"
#include "sdk/engine/training/samples.hpp"
#include "sdk/engine/training/save_trained.hpp"
#include "sdk/engine/training/trained_model.hpp"
#include "sdk/engine/training/training_step.hpp"

namespace dream::engine {
namespace {

// Data and steps draw from generators of their own: a resumed training encodes its pictures again,
// but goes on with the steps' numbers.
at::Generator generator_of(std::int64_t seed, std::uint64_t purpose) {
  return at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(seed) + purpose);
}

LrSchedule schedule_of(const TrainRequest& request) {
  const int together =
      request.scale_lr ? request.gradient_accumulation_steps * request.train_batch_size : 1;
  return {.name = request.lr_scheduler,
          .learning_rate = request.learning_rate * together,
          .warmup_steps = request.lr_warmup_steps,
          .max_train_steps = request.max_train_steps,
          .num_cycles = request.lr_num_cycles,
          .power = request.lr_power};
}

AdamWOptions optimiser_of(const TrainRequest& request) {
  return {.beta1 = request.adam_beta1,
          .beta2 = request.adam_beta2,
          .weight_decay = request.adam_weight_decay,
          .epsilon = request.adam_epsilon,
          .use_8bit = request.use_8bit_adam};
}

class Trainer {
 public:
  Trainer(const TrainRequest& request, const std::filesystem::path& vocabulary, Compute compute)
      : request_(request),
        device_(compute.device),
        autocast_(autocast_type(request.mixed_precision, compute.device)),
        schedule_(schedule_of(request)),
        steps_generator_(generator_of(request.seed, 0)),
        model_(request, vocabulary, compute, generator_of(request.seed, 1), steps_generator_),
        data_(make_dataset()),
        step_(request, model_.parts(), data_),
        optimiser_(model_.parameters(), optimiser_of(request)),
        scale_(autocast_ == at::kHalf, compute.device) {
    lr_factor(schedule_, 0);
    if (request.use_ema) ema_.emplace(model_.parameters(), request.ema_decay);
    if (request.checkpoints.empty()) return;
    checkpoints_.emplace(request.checkpoints, request.checkpoints_total_limit, request.on_log);
    digest_ = request_digest(request);
  }

  TrainResult run() {
    if (checkpoints_ && request_.resume) resume();
    const auto begin = std::chrono::steady_clock::now();
    try {
      while (done_ < request_.max_train_steps) {
        take_step();
        after_step();
      }
    } catch (const Canceled&) {
      if (checkpoints_ && done_ > 0) save_checkpoint();
      throw;
    }
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ema_) ema_->copy_to();
    if (last_sample_ != done_) draw_samples();
    tell({.phase = TrainPhase::saving, .step = 0, .steps = 1});
    save_trained(request_, model_);
    result_.steps = done_;
    return std::move(result_);
  }

 private:
  Dataset make_dataset() {
    auto generator = generator_of(request_.seed, 2);
    const auto& parts = model_.parts();
    return {request_, parts, training_resolution(request_, parts), generator};
  }

  // The next places of the epoch; its last batch may be smaller.
  std::vector<std::int64_t> next_places() {
    if (place_ >= std::ssize(order_)) {
      const auto drawn = at::randperm(data_.size(), steps_generator_, at::kLong);
      const auto* const first = drawn.const_data_ptr<std::int64_t>();
      order_.assign(first, first + drawn.numel());
      place_ = 0;
    }
    const auto end = std::min<std::int64_t>(place_ + request_.train_batch_size, std::ssize(order_));
    std::vector<std::int64_t> places(order_.begin() + place_, order_.begin() + end);
    place_ = end;
    return places;
  }

  // Forward and backward of one micro-batch; its share of the step's loss.
  double accumulate() {
    const auto batch = data_.batch(next_places(), steps_generator_);
    const auto draws = step_.draw(batch, steps_generator_);
    at::Tensor loss;
    // Until the backward pass is over: it may compute layers again.
    const Recomputing recomputing(request_.gradient_checkpointing, steps_generator_);
    {
      const Autocast autocast(autocast_, device_);
      loss = step_.loss(batch, draws) / request_.gradient_accumulation_steps;
    }
    scale_.scaled(loss).backward();
    return loss.item<double>();
  }

  void take_step() {
    optimiser_.zero_grad();
    double loss = 0;
    for (int i = 0; i < request_.gradient_accumulation_steps; ++i) loss += accumulate();
    rate_ = schedule_.learning_rate * lr_factor(schedule_, done_);
    if (scale_.unscale(model_.parameters())) {
      double norm = 0;
      if (request_.max_grad_norm > 0)
        norm = clip_grad_norm(model_.parameters(), request_.max_grad_norm);
      // What is no number would spoil the weights for good.
      if (!std::isfinite(loss + norm))
        throw std::runtime_error(fmt::format(
            "the loss of step {} is {}, the norm of its gradients {}: the training has run away; "
            "lower the learning_rate ({})",
            done_ + 1, loss, norm, request_.learning_rate));
      optimiser_.step(rate_);
      if (ema_) ema_->step();
    }
    ++done_;
    result_.losses.push_back(static_cast<float>(loss));
    result_.learning_rates.push_back(static_cast<float>(rate_));
    mean_.add(loss);
  }

  void after_step() {
    const bool last = done_ == request_.max_train_steps;
    if (checkpoints_ && done_ % request_.checkpointing_steps == 0) save_checkpoint();
    if (request_.sample_steps > 0 && done_ % request_.sample_steps == 0 && !last) draw_samples();
    const TrainProgress progress{.phase = TrainPhase::training,
                                 .step = done_,
                                 .steps = request_.max_train_steps,
                                 .loss = result_.losses.back(),
                                 .mean_loss = mean_.value(),
                                 .learning_rate = rate_};
    tell(progress);
  }

  void tell(const TrainProgress& progress) {
    if (!request_.on_progress(progress)) throw Canceled();
  }

  void draw_samples() {
    last_sample_ = done_;
    optimiser_.zero_grad();  // their memory is needed now
    engine::draw_samples(request_, model_.parts(), done_);
  }

  void save_checkpoint() {
    NamedTensors tensors = optimiser_.state();
    for (const auto& parameter : model_.parameters())
      tensors.emplace(parameter.name, parameter.value.detach());
    if (ema_) tensors.merge(ema_->state());
    for (std::size_t i = 0; i < scale_.state().size(); ++i)
      tensors.emplace(fmt::format("loss_scale.{}", i), scale_.state()[i]);
    tensors.emplace("epoch.order", at::tensor(order_, at::kLong));
    tensors.emplace("epoch.place", at::tensor(std::vector{place_}, at::kLong));
    checkpoints_->save({.step = done_,
                        .request = digest_,
                        .tensors = std::move(tensors),
                        .losses = result_.losses,
                        .learning_rates = result_.learning_rates,
                        .generator = steps_generator_.get_state()});
  }

  void resume() {
    auto kept = checkpoints_->load_newest(digest_);
    if (!kept) return;
    if (kept->step > request_.max_train_steps)
      throw InvalidInput(fmt::format("max_train_steps is {}, but the checkpoint in {} has {} steps "
                                     "already",
                                     request_.max_train_steps, request_.checkpoints.string(),
                                     kept->step));
    const at::NoGradGuard unrecorded;
    optimiser_.load(kept->tensors);
    if (ema_) ema_->load(kept->tensors);
    for (const auto& parameter : model_.parameters())
      parameter.value.copy_(kept->tensors.at(parameter.name));
    std::vector<at::Tensor> scale;
    for (std::size_t i = 0; i < scale_.state().size(); ++i)
      scale.push_back(kept->tensors.at(fmt::format("loss_scale.{}", i)));
    scale_.load(scale);
    const auto order = kept->tensors.at("epoch.order");
    order_.assign(order.const_data_ptr<std::int64_t>(),
                  order.const_data_ptr<std::int64_t>() + order.numel());
    place_ = kept->tensors.at("epoch.place").item<std::int64_t>();
    steps_generator_.set_state(kept->generator);
    done_ = result_.resumed_from = last_sample_ = kept->step;
    result_.losses = std::move(kept->losses);
    result_.learning_rates = std::move(kept->learning_rates);
    for (const auto loss : result_.losses) mean_.add(loss);
    if (request_.on_log) request_.on_log(fmt::format("resumed after step {}", done_));
  }

  // Of losses, the last hundred or so counting most.
  class Mean {
   public:
    void add(double value) {
      constexpr double kept = 0.98;
      sum_ = kept * sum_ + (1 - kept) * value;
      weight_ = kept * weight_ + (1 - kept);
    }
    double value() const { return weight_ > 0 ? sum_ / weight_ : 0; }

   private:
    double sum_ = 0, weight_ = 0;
  };

  const TrainRequest& request_;
  at::Device device_;
  std::optional<c10::ScalarType> autocast_;
  LrSchedule schedule_;
  at::Generator steps_generator_;
  TrainedModel model_;
  Dataset data_;
  TrainingStep step_;
  AdamW optimiser_;
  LossScale scale_;
  std::optional<Ema> ema_;
  std::optional<Checkpoints> checkpoints_;
  std::string digest_;
  std::vector<std::int64_t> order_;  // of the epoch's places
  std::int64_t place_ = 0;           // the next of them
  int done_ = 0;                     // optimiser steps
  int last_sample_ = 0;              // step of the last samples
  double rate_ = 0;                  // of the last step
  Mean mean_;
  TrainResult result_;
};

}  // namespace

TrainResult train(const TrainRequest& request, const std::filesystem::path& vocabulary,
                  const Compute& compute) {
  const c10::InferenceMode not_inference(false);
  const at::AutoGradMode recording(true);
  return Trainer(request, vocabulary, compute).run();
}

}  // namespace dream::engine
