#include "sdk/engine/training/check_request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace dream::engine {
namespace {

constexpr int most_steps = 1'000'000;
constexpr int most_rows = 1024;
constexpr int most_pixels = 2048;  // per side

void check_range(std::string_view input, double value, double least, double most) {
  if (std::isfinite(value) && value >= least && value <= most) return;
  throw InvalidInput(
      fmt::format("{} is {}: allowed are {} to {}", input, value, least, most));
}

void check_not_negative(std::string_view input, double value) {
  if (std::isfinite(value) && value >= 0) return;
  throw InvalidInput(fmt::format("{} is {}: must be 0 or more", input, value));
}

template <class Names>
void check_choice(std::string_view input, const std::string& value, const Names& allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return;
  throw InvalidInput(
      fmt::format("{} is \"{}\": allowed are {}", input, value, fmt::join(allowed, ", ")));
}

void check_optimiser(const TrainRequest& request) {
  check_not_negative("learning_rate", request.learning_rate);
  check_choice("lr_scheduler", request.lr_scheduler, lr_scheduler_names);
  check_range("lr_warmup_steps", request.lr_warmup_steps, 0, most_steps);
  check_range("lr_num_cycles", request.lr_num_cycles, 1, most_steps);
  check_range("lr_power", request.lr_power, 0, 100);
  check_range("adam_beta1", request.adam_beta1, 0, std::nextafter(1.0, 0.0));
  check_range("adam_beta2", request.adam_beta2, 0, std::nextafter(1.0, 0.0));
  check_not_negative("adam_weight_decay", request.adam_weight_decay);
  check_not_negative("adam_epsilon", request.adam_epsilon);
  check_not_negative("max_grad_norm", request.max_grad_norm);
  if (request.snr_gamma && !(std::isfinite(*request.snr_gamma) && *request.snr_gamma > 0))
    throw InvalidInput(
        fmt::format("snr_gamma is {}: must be greater than 0", *request.snr_gamma));
  check_range("offset_noise", request.offset_noise, 0, 1);
  check_range("ema_decay", request.ema_decay, 0, 1);
}

void check_pictures(const TrainRequest& request) {
  if (request.instance_pictures.empty())
    throw InvalidInput("instance_data holds no picture: give at least one");
  if (request.instance_prompt.empty()) throw InvalidInput("instance_prompt is empty");
  if (!request.with_prior_preservation) return;
  if (request.class_prompt.empty())
    throw InvalidInput("class_prompt is empty, which with_prior_preservation asks for");
  check_not_negative("prior_loss_weight", request.prior_loss_weight);
  check_range("num_class_images", request.num_class_images, 1, 100'000);
  check_range("sample_batch_size", request.sample_batch_size, 1, 64);
}

}  // namespace

void check_request(const TrainRequest& request) {
  check_pictures(request);
  check_optimiser(request);
  check_range("train_batch_size", request.train_batch_size, 1, most_rows);
  check_range("max_train_steps", request.max_train_steps, 1, most_steps);
  check_range("gradient_accumulation_steps", request.gradient_accumulation_steps, 1, most_rows);
  check_choice("mixed_precision", request.mixed_precision,
               std::array<std::string, 4>{"auto", "no", "fp16", "bf16"});
  check_choice("weights_format", request.weights_format,
               std::array<std::string, 3>{"bin", "safetensors", "both"});
  check_range("n_save_sample", request.n_save_sample, 0, 100);
  check_range("save_infer_steps", request.save_infer_steps, 1, 1000);
  check_range("save_guidance_scale", request.save_guidance_scale, 0, 50);
  check_range("sample_steps", request.sample_steps, 0, most_steps);
  check_range("checkpointing_steps", request.checkpointing_steps, 1, most_steps);
  check_range("checkpoints_total_limit", request.checkpoints_total_limit, 0, most_steps);
}

int training_resolution(const TrainRequest& request, int native_size, int size_multiple) {
  if (request.resolution == 0) return native_size;
  if (request.resolution >= size_multiple && request.resolution <= most_pixels &&
      request.resolution % size_multiple == 0)
    return request.resolution;
  throw InvalidInput(fmt::format("resolution is {}: allowed are multiples of {} up to {}",
                                 request.resolution, size_multiple, most_pixels));
}

int training_resolution(const TrainRequest& request, const Components& parts) {
  const int scale = static_cast<int>(parts.vae.config().scale());
  return training_resolution(request, static_cast<int>(parts.unet.config().sample_size) * scale,
                             scale);
}

}  // namespace dream::engine
