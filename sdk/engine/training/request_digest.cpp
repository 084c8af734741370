#include "sdk/engine/training/request_digest.hpp"

#include <fmt/format.h>

#include <span>
#include <vector>

#include "weights/same_content.hpp"
#include "weights/sha256.hpp"

namespace dream::engine {
namespace {

class Digest {
 public:
  // Each value with its name, quoted, so that no two lists read alike.
  template <class Value>
  void add(const char* name, const Value& value) {
    const auto line = fmt::format("{} {:?}\n", name, fmt::format("{}", value));
    digest_.update(std::as_bytes(std::span(line)));
  }
  void add(const char* name, const std::vector<TrainPicture>& pictures) {
    for (const auto& picture : pictures) {
      add(name, weights::sha256_of_file(picture.file));
      add("caption", picture.caption);
    }
  }
  std::string finish() { return digest_.finish(); }

 private:
  weights::Sha256 digest_;
};

}  // namespace

std::string request_digest(const TrainRequest& request) {
  Digest digest;
  digest.add("base", weights::fingerprint(request.base));
  digest.add("instance_prompt", request.instance_prompt);
  digest.add("instance", request.instance_pictures);
  digest.add("with_prior_preservation", request.with_prior_preservation);
  if (request.with_prior_preservation) {
    digest.add("class_prompt", request.class_prompt);
    digest.add("class", request.class_pictures);
    digest.add("prior_loss_weight", request.prior_loss_weight);
  }
  digest.add("resolution", request.resolution);
  digest.add("center_crop", request.center_crop);
  digest.add("hflip", request.hflip);
  digest.add("pad_tokens", request.pad_tokens);
  digest.add("train_text_encoder", request.train_text_encoder);
  if (const auto& lora = request.lora) {
    digest.add("rank", lora->rank);
    digest.add("lora_alpha", lora->alpha);
    digest.add("lora_dropout", lora->dropout);
    digest.add("use_dora", lora->dora);
    for (const auto& target : lora->unet_targets) digest.add("unet_target", target);
    for (const auto& target : lora->text_encoder_targets)
      digest.add("text_encoder_target", target);
  }
  digest.add("train_batch_size", request.train_batch_size);
  digest.add("gradient_accumulation_steps", request.gradient_accumulation_steps);
  digest.add("mixed_precision", request.mixed_precision);
  digest.add("learning_rate", request.learning_rate);
  digest.add("scale_lr", request.scale_lr);
  digest.add("lr_scheduler", request.lr_scheduler);
  digest.add("lr_warmup_steps", request.lr_warmup_steps);
  digest.add("lr_num_cycles", request.lr_num_cycles);
  digest.add("lr_power", request.lr_power);
  digest.add("use_8bit_adam", request.use_8bit_adam);
  digest.add("adam_beta1", request.adam_beta1);
  digest.add("adam_beta2", request.adam_beta2);
  digest.add("adam_weight_decay", request.adam_weight_decay);
  digest.add("adam_epsilon", request.adam_epsilon);
  digest.add("max_grad_norm", request.max_grad_norm);
  digest.add("snr_gamma", request.snr_gamma.value_or(0));
  digest.add("offset_noise", request.offset_noise);
  digest.add("use_ema", request.use_ema);
  if (request.use_ema) digest.add("ema_decay", request.ema_decay);
  digest.add("seed", request.seed);
  return digest.finish();
}

}  // namespace dream::engine
