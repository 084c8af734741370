// Which tensors a model has, from its config alone: the names and shapes diffusers and transformers
// give them. What `init` fills and `verify` compares with.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace dream::weights {

struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

// Each takes a config.json of the family of Stable Diffusion 1.x and 2.x. Throw Error that names
// the key when the config is of another family or lacks something.
std::vector<TensorShape> unet_layout(const nlohmann::json& config);
std::vector<TensorShape> controlnet_layout(const nlohmann::json& config);
std::vector<TensorShape> t2i_adapter_layout(const nlohmann::json& config);
std::vector<TensorShape> autoencoder_layout(const nlohmann::json& config);
// Names carry the `text_model.` prefix.
std::vector<TensorShape> text_encoder_layout(const nlohmann::json& config);

// StableDiffusionSafetyChecker, with the names of published files.
std::vector<TensorShape> safety_checker_layout(const nlohmann::json& config);

// The layout for the class that model_index.json names, e.g. "AutoencoderKL". Throws Error for a
// class without one.
std::vector<TensorShape> layout_of(const std::string& class_name, const nlohmann::json& config);

}  // namespace dream::weights
