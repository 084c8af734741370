#include "sdk/engine/pipeline/lora_variants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
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

struct Layered {
  std::shared_ptr<const Components> parts;
  std::int64_t bytes = 0;
};

// The constructors of the loaded model once more, over patched weights.
Layered lay_over(const Components& base, const LoraOverlays& overlays) {
  auto parts = std::make_shared<Components>(base);
  std::int64_t bytes = 0;
  if (auto overlay = overlays.unet(); !overlay.empty()) {
    const auto weights = base.unet_weights.with_overlay(std::move(overlay));
    parts->unet = UNet2DConditionModel(base.unet.config(), weights);
    bytes += weights.patched_bytes();
  }
  if (auto overlay = overlays.text_encoder(); !overlay.empty()) {
    const auto weights = base.text_encoder_weights.with_overlay(std::move(overlay));
    parts->text_encoder = CLIPTextModel(base.text_encoder.config(), weights);
    bytes += weights.patched_bytes();
  }
  return {std::move(parts), bytes};
}

}  // namespace

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

std::shared_ptr<const LoraVariants::Variant> LoraVariants::find(const Key& key) {
  const auto found =
      std::ranges::find_if(kept_, [&](const auto& variant) { return variant->key == key; });
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front();
}

void LoraVariants::keep(std::shared_ptr<const Variant> variant) {
  if (variant->bytes > budget_bytes_) return;
  kept_bytes_ += variant->bytes;
  kept_.push_front(std::move(variant));
  while (kept_bytes_ > budget_bytes_) {
    kept_bytes_ -= kept_.back()->bytes;
    kept_.pop_back();
  }
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
  Key key;
  for (const auto& [digest, scale, lora] : ordered) key.emplace_back(digest, scale);

  auto variant = find(key);
  if (!variant) {
    auto made = std::make_shared<Variant>();
    LoraOverlays overlays(base.unet_weights.shapes(), base.text_encoder_weights.shapes());
    for (const auto& [digest, scale, lora] : ordered) {
      const auto file = LoraFile::read(lora->file, lora->name);
      auto unmatched = overlays.add(file, scale);
      if (!unmatched.empty())
        made->notes.push_back(unmatched_note(file.title, std::move(unmatched)));
    }
    auto layered = lay_over(base, overlays);
    made->key = std::move(key);
    made->parts = std::move(layered.parts);
    made->bytes = layered.bytes;
    keep(made);
    variant = std::move(made);
  }
  for (const auto& note : variant->notes) {
    if (log) log(note);
  }
  return variant->parts;
}

}  // namespace dream::engine
