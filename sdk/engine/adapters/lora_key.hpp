// How LoRA files spell what belongs to which layer. Trainers agree on little: dots or underscores,
// a prefix for the model or none, six names for the same two matrices. Here each key is told apart
// into the layer it speaks of and the part it plays there; torch-free.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dream::engine {

// Which model a layer belongs to, as far as the key says.
enum class LoraTarget { unet, text_encoder, either, other };

struct LoraKey {
  LoraTarget target = LoraTarget::either;
  std::string layer;  // flat: dots are underscores, e.g. "down_blocks_0_resnets_0_conv1"
  std::string path;   // as spelled, without prefix: what PEFT's metadata calls the layer
  std::string part;   // one of the names below
};

// Parts: "down", "up", "mid", "up_bias", "alpha", "scalar", "dora_scale", "magnitude" (PEFT's
// DoRA), "hada_w1_a" … "hada_t2", "lokr_w1" … "lokr_t2", "diff", "diff_b".
//
// Layouts: kohya/LoCon and LyCORIS (`lora_unet_….lora_down.weight`, `.hada_w1_a`, `.w_norm`),
// diffusers up to 0.14 (`….processor.to_q_lora.down.weight`) and later (`unet.….lora.down.weight`,
// `.lora_linear_layer.`), PEFT (`base_model.model.….lora_A.default.weight`). nullopt for a key that
// is none of these.
std::optional<LoraKey> parse_lora_key(std::string_view key);

}  // namespace dream::engine
