#include "sdk/engine/adapters/peft_metadata.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace dream::engine {
namespace {

// A pattern is a layer's path or the end of one after a dot; diffusers marks whole paths with ^.
bool matches(std::string_view path, std::string_view pattern) {
  if (pattern.starts_with('^')) return path == pattern.substr(1);
  if (!path.ends_with(pattern)) return false;
  return path.size() == pattern.size() || path[path.size() - pattern.size() - 1] == '.';
}

}  // namespace

PeftMetadata::PeftMetadata(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("lora_adapter_metadata");
  if (found == metadata.end()) return;
  settings_ = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
}

void PeftMetadata::apply(const LoraKey& key, LoraLayer& layer) const {
  if (!settings_.is_object()) return;
  const std::string_view model = key.target == LoraTarget::text_encoder ? "text_encoder" : "unet";
  const auto setting = [&](std::string_view name) -> const nlohmann::json* {
    const auto found = settings_.find(fmt::format("{}.{}", model, name));
    return found == settings_.end() ? nullptr : &*found;
  };
  std::optional<double> alpha;
  if (const auto* stated = setting("lora_alpha"); stated && stated->is_number()) alpha = *stated;
  if (const auto* patterns = setting("alpha_pattern"); patterns && patterns->is_object()) {
    for (const auto& [pattern, value] : patterns->items()) {
      if (value.is_number() && matches(key.path, pattern)) alpha = value.get<double>();
    }
  }
  const auto* root = setting("use_rslora");
  layer.state_alpha(alpha, root != nullptr && root->is_boolean() && root->get<bool>());
}

}  // namespace dream::engine
