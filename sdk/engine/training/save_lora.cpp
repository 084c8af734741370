#include "sdk/engine/training/save_lora.hpp"

#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "sdk/engine/tensor/tensor_file.hpp"

namespace dream::engine {
namespace {

using nlohmann::json;
using Layers = std::map<std::string, LoraMatrices>;

constexpr std::string_view text_model = "text_model.";

at::Tensor stored(const at::Tensor& tensor) {
  return tensor.detach().to(at::kFloat);
}

std::int64_t rank_of(const LoraMatrices& layer) {
  return layer.down.size(0);
}

// Without the prefix, which newer transformers leave out: PEFT takes a name for the end of one.
std::string path_of(std::string_view layer) {
  if (layer.starts_with(text_model)) layer.remove_prefix(text_model.size());
  return std::string(layer);
}

// The layer's name within its parent, "to_out.0" for the one that has none of its own.
std::string target_of(std::string_view layer) {
  auto dot = layer.rfind('.');
  const auto last = layer.substr(dot + 1);
  const bool is_number = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
  if (is_number && dot != std::string_view::npos && dot > 0) dot = layer.rfind('.', dot - 1);
  return std::string(layer.substr(dot + 1));
}

// What peft.LoraConfig is made of again. Rank and alpha are the first layer's, with a pattern for
// each layer that has others.
void add_settings(const std::string& model, const Layers& layers, json& settings) {
  if (layers.empty()) return;
  const auto& first = layers.begin()->second;
  json ranks = json::object(), alphas = json::object();
  std::set<std::string> targets;
  for (const auto& [name, layer] : layers) {
    targets.insert(target_of(name));
    if (rank_of(layer) != rank_of(first)) ranks[path_of(name)] = rank_of(layer);
    if (layer.alpha != first.alpha) alphas[path_of(name)] = layer.alpha;
  }
  const json own = {{"peft_type", "LORA"},
                    {"r", rank_of(first)},
                    {"lora_alpha", first.alpha},
                    {"rank_pattern", ranks},
                    {"alpha_pattern", alphas},
                    {"target_modules", targets},
                    {"use_dora", first.magnitude.defined()},
                    {"bias", "none"}};
  for (const auto& [key, value] : own.items()) settings[fmt::format("{}.{}", model, key)] = value;
}

void add_diffusers(const std::string& model, std::string_view matrices, const Layers& layers,
                   std::map<std::string, at::Tensor>& tensors) {
  for (const auto& [name, layer] : layers) {
    const auto key = fmt::format("{}.{}.", model, name);
    tensors[fmt::format("{}{}.down.weight", key, matrices)] = stored(layer.down);
    tensors[fmt::format("{}{}.up.weight", key, matrices)] = stored(layer.up);
    if (layer.magnitude.defined())
      tensors[key + "lora_magnitude_vector"] = stored(layer.magnitude);
  }
}

void add_kohya(std::string_view prefix, const Layers& layers,
               std::map<std::string, at::Tensor>& tensors) {
  for (const auto& [name, layer] : layers) {
    auto key = fmt::format("{}{}", prefix, name);
    std::ranges::replace(key, '.', '_');
    tensors[key + ".lora_down.weight"] = stored(layer.down);
    tensors[key + ".lora_up.weight"] = stored(layer.up);
    tensors[key + ".alpha"] = at::scalar_tensor(layer.alpha, at::kFloat);
    if (layer.magnitude.defined())
      tensors[key + ".dora_scale"] = stored(layer.magnitude).unsqueeze(1);
  }
}

}  // namespace

void save_lora(const TrainedLora& lora, const std::filesystem::path& file) {
  std::map<std::string, at::Tensor> tensors;
  add_diffusers("unet", "lora", lora.unet, tensors);
  add_diffusers("text_encoder", "lora_linear_layer", lora.text_encoder, tensors);
  json settings = json::object();
  add_settings("unet", lora.unet, settings);
  add_settings("text_encoder", lora.text_encoder, settings);
  write_safetensors(file, tensors,
                    {{"format", "pt"}, {"lora_adapter_metadata", settings.dump(2)}});
}

void save_kohya_lora(const TrainedLora& lora, const std::filesystem::path& file) {
  std::map<std::string, at::Tensor> tensors;
  add_kohya("lora_unet_", lora.unet, tensors);
  add_kohya("lora_te_", lora.text_encoder, tensors);
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  const auto& layers = lora.unet.empty() ? lora.text_encoder : lora.unet;
  if (!layers.empty()) {
    const auto& first = layers.begin()->second;
    metadata["ss_network_module"] =
        first.magnitude.defined() ? "lycoris.kohya" : "networks.lora";
    metadata["ss_network_dim"] = std::to_string(rank_of(first));
    metadata["ss_network_alpha"] = fmt::format("{}", first.alpha);
  }
  write_safetensors(file, tensors, metadata);
}

}  // namespace dream::engine
