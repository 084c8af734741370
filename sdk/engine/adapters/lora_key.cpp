#include "sdk/engine/adapters/lora_key.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace dream::engine {
namespace {

struct Ending {
  std::string_view text, part;
};

// `_lora.…` follows a projection's name, which stays with the layer.
constexpr std::array endings = std::to_array<Ending>({
    {".lora_down.weight", "down"},
    {".lora_up.weight", "up"},
    {".lora_mid.weight", "mid"},
    {".lora_up.bias", "up_bias"},
    {"_lora.down.weight", "down"},
    {"_lora.up.weight", "up"},
    {"_lora.alpha", "alpha"},
    {".lora.down.weight", "down"},
    {".lora.up.weight", "up"},
    {".lora.alpha", "alpha"},
    {".lora_linear_layer.down.weight", "down"},
    {".lora_linear_layer.up.weight", "up"},
    {".lora_linear_layer.alpha", "alpha"},
    {".alpha", "alpha"},
    {".scalar", "scalar"},
    {".dora_scale", "dora_scale"},
    {".diff", "diff"},
    {".diff_b", "diff_b"},
    {".w_norm", "diff"},
    {".b_norm", "diff_b"},
    {".hada_w1_a", "hada_w1_a"},
    {".hada_w1_b", "hada_w1_b"},
    {".hada_w2_a", "hada_w2_a"},
    {".hada_w2_b", "hada_w2_b"},
    {".hada_t1", "hada_t1"},
    {".hada_t2", "hada_t2"},
    {".lokr_w1", "lokr_w1"},
    {".lokr_w1_a", "lokr_w1_a"},
    {".lokr_w1_b", "lokr_w1_b"},
    {".lokr_w2", "lokr_w2"},
    {".lokr_w2_a", "lokr_w2_a"},
    {".lokr_w2_b", "lokr_w2_b"},
    {".lokr_t2", "lokr_t2"},
});

// PEFT's, between layer and `[.adapter][.weight]`.
constexpr std::array peft_parts = std::to_array<Ending>({
    {".lora_A", "down"},
    {".lora_B", "up"},
    {".lora_magnitude_vector", "magnitude"},
});

struct Prefix {
  std::string_view text;
  LoraTarget target;
};

constexpr std::array prefixes = std::to_array<Prefix>({
    {"lora_unet_", LoraTarget::unet},
    {"lora_te1_", LoraTarget::text_encoder},
    {"lora_te2_", LoraTarget::other},
    {"lora_te_", LoraTarget::text_encoder},
    {"lycoris_", LoraTarget::either},
    {"unet.", LoraTarget::unet},
    {"model.diffusion_model.", LoraTarget::unet},
    {"diffusion_model.", LoraTarget::unet},
    {"text_encoder.", LoraTarget::text_encoder},
    {"text_encoder_2.", LoraTarget::other},
    {"cond_stage_model.transformer.", LoraTarget::text_encoder},
});

struct Split {
  std::string_view layer, part;
};

// What follows `.lora_A`: ".weight", ".default.weight", "" …; another layer's name has more dots.
std::optional<std::string_view> peft_part(std::string_view part, std::string_view rest) {
  if (!rest.empty() && rest.front() != '.') return {};
  const bool bias = rest == ".bias" || rest.ends_with(".bias");
  if (std::ranges::count(rest, '.') > 2) return {};
  if (!bias) return part;
  if (part != "up") return {};
  return "up_bias";
}

std::optional<Split> split(std::string_view key) {
  for (const auto& [text, part] : peft_parts) {
    const auto at = key.rfind(text);
    if (at == std::string_view::npos || at == 0) continue;
    if (const auto found = peft_part(part, key.substr(at + text.size())))
      return Split{key.substr(0, at), *found};
  }
  for (const auto& [text, part] : endings) {
    if (key.size() > text.size() && key.ends_with(text))
      return Split{key.substr(0, key.size() - text.size()), part};
  }
  return {};
}

std::string without(std::string text, std::string_view what) {
  const auto at = text.find(what);
  return at == std::string::npos ? text : text.erase(at, what.size());
}

}  // namespace

std::optional<LoraKey> parse_lora_key(std::string_view key) {
  const auto found = split(key);
  if (!found) return {};
  LoraKey parsed;
  parsed.part = found->part;
  auto layer = found->layer;
  constexpr std::string_view wrapper = "base_model.model.";
  if (layer.starts_with(wrapper)) layer.remove_prefix(wrapper.size());
  for (const auto& [text, target] : prefixes) {
    if (!layer.starts_with(text)) continue;
    layer.remove_prefix(text.size());
    parsed.target = target;
    break;
  }
  parsed.path = without(std::string(layer), ".processor");
  parsed.layer = parsed.path;
  std::ranges::replace(parsed.layer, '.', '_');
  return parsed;
}

}  // namespace dream::engine
