#include "sdk/engine/adapters/lora_file.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

#include "sdk/engine/adapters/peft_metadata.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/detect_kind.hpp"
#include "weights/store/overlay_file.hpp"

namespace dream::engine {
namespace {

weights::OverlayFile read_file(const std::filesystem::path& path, const std::string& title) {
  try {
    return weights::read_overlay_file(path);
  } catch (const weights::Error& error) {
    throw InvalidInput(fmt::format("lora {} cannot be read: {}", title, error.what()));
  }
}

}  // namespace

LoraFile LoraFile::read(const std::filesystem::path& path, const std::string& name) {
  LoraFile lora;
  lora.title = name == path.filename() || name.empty()
                   ? fmt::format("\"{}\"", path.filename().string())
                   : fmt::format("\"{}\" ({})", name, path.filename().string());
  const auto file = read_file(path, lora.title);
  const PeftMetadata metadata(file.metadata);
  std::map<std::tuple<LoraTarget, std::string>, std::shared_ptr<LoraLayer>> layers;
  for (const auto& [key, view] : file.tensors) {
    const auto parsed = parse_lora_key(key);
    if (!parsed) {
      lora.unknown.push_back(key);
      continue;
    }
    auto& parts = layers[{parsed->target, parsed->layer}];
    if (!parts) {
      parts = std::make_shared<LoraLayer>(lora.title);
      lora.layers.push_back({parsed->target, parsed->layer, parts});
    }
    parts->add(parsed->part, key, view);
    metadata.apply(*parsed, *parts);
  }
  if (!lora.layers.empty()) return lora;
  const auto kind = weights::detect_kind(file.tensors);
  throw InvalidInput(fmt::format(
      "lora {} is no LoRA: it {}", lora.title,
      kind.kind == "unknown" ? "has no tensor of a LoRA's names" : "holds a " + kind.label()));
}

LoraOverlays::LoraOverlays(const TensorShapes& unet, const TensorShapes& text_encoder)
    : unet_{unet, LayerNames::of_unet(unet), {}},
      text_encoder_{text_encoder, LayerNames::of_text_encoder(text_encoder), {}} {}

bool LoraOverlays::Model::add(const LoraFile::Layer& layer, double strength,
                              std::vector<std::string>& unmatched) {
  const auto module = names.find(layer.name);
  if (module.empty()) return false;
  const auto weight = fmt::format("{}.weight", module), bias = fmt::format("{}.bias", module);
  const bool to_weight = layer.parts->changes_weight() && tensors.contains(weight);
  const bool to_bias = layer.parts->changes_bias() && tensors.contains(bias);
  if (to_weight) changes[weight].push_back({layer.parts, strength, false});
  if (to_bias) changes[bias].push_back({layer.parts, strength, true});
  if (!to_weight && !to_bias) return false;
  // A bias for a layer that has none.
  if (!to_bias) {
    for (const char* part : {"diff_b", "up_bias"}) {
      if (layer.parts->has(part)) unmatched.push_back(layer.parts->key(part));
    }
  }
  return true;
}

Overlay LoraOverlays::Model::overlay() const {
  Overlay overlay;
  for (const auto& [name, list] : changes) {
    overlay.emplace(name, [list, name](const at::Tensor& weight) {
      // Each change is made of the model's own weight, so their order does not matter.
      auto sum = weight.clone();
      for (const auto& [layer, strength, bias] : list) {
        sum += bias ? layer->bias_change(weight, name, strength)
                    : layer->weight_change(weight, name, strength);
      }
      return sum;
    });
  }
  return overlay;
}

std::vector<std::string> LoraOverlays::add(const LoraFile& file, double strength) {
  auto unmatched = file.unknown;
  std::size_t matched = 0;
  for (const auto& layer : file.layers) {
    const bool for_unet = layer.target == LoraTarget::unet || layer.target == LoraTarget::either;
    const bool for_text =
        layer.target == LoraTarget::text_encoder || layer.target == LoraTarget::either;
    if ((for_unet && unet_.add(layer, strength, unmatched)) ||
        (for_text && text_encoder_.add(layer, strength, unmatched))) {
      ++matched;
    } else {
      for (auto& key : layer.parts->key_list()) unmatched.push_back(std::move(key));
    }
  }
  if (matched == 0) {
    throw InvalidInput(fmt::format(
        "lora {} fits no layer of this model: none of its {} keys matches, the first is \"{}\"",
        file.title, unmatched.size(), unmatched.front()));
  }
  return unmatched;
}

}  // namespace dream::engine
