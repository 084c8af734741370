// A trained LoRA as a file, for diffusers (and what reads its files) and in the form of kohya-ss'
// trainers. The engine's own `lora` input reads both.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace dream::engine {

// What is added to a linear layer's weight: up · down · alpha / rank.
struct LoraMatrices {
  at::Tensor down;       // [rank, in], PEFT's lora_A
  at::Tensor up;         // [out, rank], lora_B
  at::Tensor magnitude;  // [out]: a DoRA's; undefined else
  double alpha = 1;
};

struct TrainedLora {
  // By the layer's name in the model ("mid_block.attentions.0.transformer_blocks.0.attn1.to_q"); of
  // the text encoder with its "text_model." prefix. Either may be empty.
  std::map<std::string, LoraMatrices> unet, text_encoder;
};

// Safetensors in fp32. Throw std::runtime_error where `file` cannot be written.
//
// As the training scripts of diffusers write it, by save_lora_weights(): ranks and alphas lie in
// the header too, as PEFT's settings.
void save_lora(const TrainedLora& lora, const std::filesystem::path& file);
// lora_unet_….lora_down.weight, .lora_up.weight, .alpha, and LyCORIS' .dora_scale.
void save_kohya_lora(const TrainedLora& lora, const std::filesystem::path& file);

}  // namespace dream::engine
