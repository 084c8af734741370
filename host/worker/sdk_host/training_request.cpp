#include "host/worker/sdk_host/training_request.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>

#include "host/worker/sdk_host/run_weights.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::worker {
namespace {

using Strings = std::vector<std::string>;

void set_prior(const RunState& run, engine::TrainRequest& request) {
  request.with_prior_preservation = run.input_or("with_prior_preservation", true);
  request.prior_loss_weight = run.input_or("prior_loss_weight", request.prior_loss_weight);
  request.num_class_images = run.input_or("num_class_images", request.num_class_images);
  request.sample_batch_size = run.input_or("sample_batch_size", request.sample_batch_size);
}

void set_course(const RunState& run, engine::TrainRequest& request) {
  request.resolution = run.input_or("resolution", 0);
  request.center_crop = run.input_or("center_crop", false);
  request.hflip = run.input_or("hflip", false);
  request.pad_tokens = run.input_or("pad_tokens", false);
  request.train_text_encoder = run.input_or("train_text_encoder", true);
  request.train_batch_size = run.input_or("train_batch_size", request.train_batch_size);
  request.max_train_steps = run.input_or("max_train_steps", request.max_train_steps);
  request.gradient_accumulation_steps =
      run.input_or("gradient_accumulation_steps", request.gradient_accumulation_steps);
  request.gradient_checkpointing = run.input_or("gradient_checkpointing", false);
  request.mixed_precision = run.input_or("mixed_precision", request.mixed_precision);
  request.seed = run.input_or("seed", request.seed);
}

void set_optimiser(const RunState& run, engine::TrainRequest& request) {
  request.learning_rate = run.input_or("learning_rate", request.learning_rate);
  request.scale_lr = run.input_or("scale_lr", false);
  request.lr_scheduler = run.input_or("lr_scheduler", request.lr_scheduler);
  request.lr_warmup_steps = run.input_or("lr_warmup_steps", request.lr_warmup_steps);
  request.lr_num_cycles = run.input_or("lr_num_cycles", request.lr_num_cycles);
  request.lr_power = run.input_or("lr_power", request.lr_power);
  request.use_8bit_adam = run.input_or("use_8bit_adam", false);
  request.adam_beta1 = run.input_or("adam_beta1", request.adam_beta1);
  request.adam_beta2 = run.input_or("adam_beta2", request.adam_beta2);
  request.adam_weight_decay = run.input_or("adam_weight_decay", request.adam_weight_decay);
  request.adam_epsilon = run.input_or("adam_epsilon", request.adam_epsilon);
  request.max_grad_norm = run.input_or("max_grad_norm", request.max_grad_norm);
  if (const auto& gamma = run.input_json("snr_gamma"); !gamma.is_null())
    request.snr_gamma = gamma.get<double>();
  request.offset_noise = run.input_or("offset_noise", 0.0);
  request.use_ema = run.input_or("use_ema", false);
  request.ema_decay = run.input_or("ema_decay", request.ema_decay);
}

void set_samples(const RunState& run, engine::TrainRequest& request) {
  request.save_sample_prompt = run.input_or<std::string>("save_sample_prompt", "");
  request.save_sample_negative_prompt =
      run.input_or<std::string>("save_sample_negative_prompt", "");
  request.n_save_sample = run.input_or("n_save_sample", request.n_save_sample);
  request.save_guidance_scale = run.input_or("save_guidance_scale", request.save_guidance_scale);
  request.save_infer_steps = run.input_or("save_infer_steps", request.save_infer_steps);
  request.sample_steps = run.input_or("sample_steps", 0);
  if (request.sample_steps > 0 && request.save_sample_prompt.empty())
    throw invalid("sample_steps: " + std::to_string(request.sample_steps) +
                  " needs a save_sample_prompt to draw");
}

void set_lora(const RunState& run, engine::TrainRequest& request) {
  engine::LoraTraining lora;
  lora.rank = run.input_or("rank", lora.rank);
  lora.alpha = run.input_or("lora_alpha", static_cast<double>(lora.rank));
  lora.dropout = run.input_or("lora_dropout", lora.dropout);
  lora.dora = run.input_or("use_dora", false);
  lora.unet_targets = run.input_or<Strings>("unet_targets", lora.unet_targets);
  lora.text_encoder_targets =
      run.input_or<Strings>("text_encoder_targets", lora.text_encoder_targets);
  request.lora = std::move(lora);
}

}  // namespace

engine::TrainRequest training_request(const RunState& run) {
  engine::TrainRequest request;
  request.instance_prompt = run.input_or<std::string>("instance_prompt", "");
  request.class_prompt = run.input_or<std::string>("class_prompt", "");
  set_prior(run, request);
  set_course(run, request);
  set_optimiser(run, request);
  set_samples(run, request);
  if (run.schema().training() == DREAM_TRAIN_LORA) set_lora(run, request);
  request.weights_format = run.input_or("weights_format", request.weights_format);
  request.checkpointing_steps = run.input_or("checkpointing_steps", request.checkpointing_steps);
  request.checkpoints_total_limit =
      run.input_or("checkpoints_total_limit", request.checkpoints_total_limit);
  request.resume = run.input_or<std::string>("resume_from_checkpoint", "latest") == "latest";
  return request;
}

int steps_of_epochs(const engine::TrainRequest& request, int epochs) {
  const auto up = [](std::size_t count, int per) {
    return (count + static_cast<std::size_t>(per) - 1) / static_cast<std::size_t>(per);
  };
  std::size_t pictures = request.instance_pictures.size();
  if (request.with_prior_preservation)
    pictures = std::max({pictures, request.class_pictures.size(),
                         static_cast<std::size_t>(request.num_class_images)});
  const std::size_t batches = up(pictures, request.train_batch_size);
  return static_cast<int>(up(batches, request.gradient_accumulation_steps)) * epochs;
}

int native_size(const std::filesystem::path& base) {
  try {
    const auto model = weights::ModelFolder::open(base);
    const auto latent = model.config("unet").value("sample_size", 64);
    const auto levels = model.config("vae").at("block_out_channels").size();
    return levels == 0 ? 0 : latent << (levels - 1);
  } catch (const std::exception&) {
    return 0;  // the engine says what is wrong with the model
  }
}

nlohmann::ordered_json training_arguments(const RunState& run,
                                          const engine::TrainRequest& request) {
  auto arguments = nlohmann::ordered_json::object();
  for (const InputSpec& input : run.schema().inputs()) {
    nlohmann::ordered_json value = run.input_json(input.name);
    if (value.is_string() && (input.type == DREAM_FILE || !input.reference.empty()))
      value = model_name(value.get<std::string>());
    arguments[input.name] = std::move(value);
  }
  arguments["max_train_steps"] = request.max_train_steps;
  if (request.resolution > 0) arguments["resolution"] = request.resolution;
  if (request.lora) arguments["lora_alpha"] = request.lora->alpha;
  return arguments;
}

}  // namespace dream::worker
