#include "sdk/engine/pipeline/lora_variants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "sdk/engine/adapters/lora_file.hpp"
#include "weights/sha256.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

constexpr double largest_scale = 10;

void check_scale(const WeightOverlay& lora) {
  if (std::isfinite(lora.scale) && std::abs(lora.scale) <= largest_scale) return;
  throw InvalidInput(fmt::format("lora \"{}\" has scale {}: allowed are {} to {}", lora.name,
                                 lora.scale, -largest_scale, largest_scale));
}

std::string unmatched_note(const std::string& title, std::vector<std::string> keys) {
  constexpr std::size_t shown = 5;
  const auto count = keys.size();
  keys.resize(std::min(count, shown));
  return fmt::format("lora {}: {} of its keys fit no layer of this model and are left out: {}{}",
                     title, count, fmt::join(keys, ", "), count > shown ? ", …" : "");
}

}  // namespace

// What takes the place of the base's models, where the LoRAs touch them.
struct LoraVariants::Variant {
  std::optional<UNet2DConditionModel> unet;
  std::optional<CLIPTextModel> text_encoder;
  std::int64_t bytes = 0;
  std::vector<std::string> notes = {};
  std::vector<std::shared_ptr<const void>> base = {};  // whose tensors it shares

  // The constructors of the loaded model once more, over patched weights.
  Variant(const Components& parts, const LoraOverlays& overlays) : base(parts.held) {
    if (auto overlay = overlays.unet(); !overlay.empty()) {
      const auto weights = parts.unet_weights.with_overlay(std::move(overlay));
      unet.emplace(parts.unet.config(), weights);
      bytes += weights.patched_bytes();
    }
    if (auto overlay = overlays.text_encoder(); !overlay.empty()) {
      const auto weights = parts.text_encoder_weights.with_overlay(std::move(overlay));
      text_encoder.emplace(parts.text_encoder.config(), weights);
      bytes += weights.patched_bytes();
    }
  }
};

// A file that was not touched since keeps its digest.
std::string LoraVariants::digest_of(const WeightOverlay& lora) {
  std::error_code error;
  const auto bytes = fs::file_size(lora.file, error);
  if (error) {
    throw InvalidInput(
        fmt::format("lora \"{}\": {}: {}", lora.name, lora.file.string(), error.message()));
  }
  const auto written = fs::last_write_time(lora.file);
  const auto known = files_.find(lora.file);
  if (known != files_.end() && known->second.bytes == bytes && known->second.written == written)
    return known->second.digest;
  constexpr std::size_t most_files = 1000;
  if (files_.size() >= most_files) files_.clear();
  auto digest = weights::sha256_of_file(lora.file);
  files_[lora.file] = {bytes, written, digest};
  return digest;
}

std::shared_ptr<const Components> LoraVariants::get(
    const Components& base, const std::vector<WeightOverlay>& loras,
    const std::function<void(const std::string&)>& log) {
  for (const auto& lora : loras) check_scale(lora);
  // One variant is made at a time: a second request for the same waits and finds it.
  const std::lock_guard lock(mutex_);
  std::vector<std::tuple<std::string, double, const WeightOverlay*>> ordered;
  for (const auto& lora : loras) {
    if (lora.scale != 0) ordered.emplace_back(digest_of(lora), lora.scale, &lora);
  }
  if (ordered.empty()) return nullptr;
  std::ranges::sort(ordered);
  // While a variant is kept its base is too: nothing else can have come to these addresses.
  auto key = fmt::format("lora\n{} {}", base.unet_weights.id(), base.text_encoder_weights.id());
  std::string names;
  for (const auto& [digest, scale, lora] : ordered) {
    key += fmt::format("\n{}@{}", digest, scale);
    names += fmt::format("{}{}@{}", names.empty() ? "" : ", ", lora->name, scale);
  }

  auto variant = cache_->find<Variant>(key);
  if (!variant) {
    std::vector<std::string> notes;
    LoraOverlays overlays(base.unet_weights.shapes(), base.text_encoder_weights.shapes());
    for (const auto& [digest, scale, lora] : ordered) {
      const auto file = LoraFile::read(lora->file, lora->name);
      auto unmatched = overlays.add(file, scale);
      if (!unmatched.empty()) notes.push_back(unmatched_note(file.title, std::move(unmatched)));
    }
    auto made = std::make_shared<Variant>(base, overlays);
    made->notes = std::move(notes);
    const auto bytes = made->bytes;
    variant = cache_->add<Variant>(key, {"lora", names, bytes}, std::move(made));
  }
  for (const auto& note : variant->notes) {
    if (log) log(note);
  }
  auto parts = std::make_shared<Components>(base);
  if (variant->unet) parts->unet = *variant->unet;
  if (variant->text_encoder) parts->text_encoder = *variant->text_encoder;
  parts->held.push_back(std::move(variant));
  return parts;
}

}  // namespace dream::engine
