// Alphas that a file keeps outside its tensors: diffusers writes the adapters' settings as
// JSON into the safetensors header, under `lora_adapter_metadata`.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "sdk/engine/adapters/lora_key.hpp"
#include "sdk/engine/adapters/lora_layer.hpp"

namespace dream::engine {

class PeftMetadata {
 public:
  // `metadata` of the weight file. What cannot be understood counts as not there, as in diffusers.
  explicit PeftMetadata(const std::map<std::string, std::string>& metadata);
  // Tells `layer` the alpha that holds for `key`, if one is stated.
  void apply(const LoraKey& key, LoraLayer& layer) const;

 private:
  nlohmann::json settings_;  // "unet.lora_alpha", "unet.alpha_pattern" …
};

}  // namespace dream::engine
