#include "host/worker/sdk_host/lora_inputs.hpp"

#include <algorithm>
#include <charconv>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

std::vector<engine::WeightOverlay> overlay_inputs(const RunState& run, std::string_view input) {
  std::vector<engine::WeightOverlay> overlays;
  const nlohmann::json& given = run.input_json(input);
  if (!given.is_array()) return overlays;
  for (const auto& item : given) {
    const auto [path, scale] = weights::parse_scaled_reference(item.get<std::string>());
    overlays.push_back({path, std::filesystem::path(path).stem().string(), scale});
  }
  return overlays;
}

}  // namespace

std::vector<engine::WeightOverlay> lora_inputs(const RunState& run) {
  return overlay_inputs(run, "lora");
}

std::vector<engine::WeightOverlay> embedding_inputs(const RunState& run) {
  auto embeddings = overlay_inputs(run, "embeddings");
  for (const auto& embedding : embeddings) {
    if (embedding.scale != 1)
      throw invalid("embeddings: '" + embedding.name +
                    "' is given a strength, which embeddings have not; weight its word in the "
                    "prompt instead");
  }
  return embeddings;
}

std::vector<std::pair<std::string, double>> prompt_loras(std::string_view prompt) {
  constexpr std::string_view mark = "<lora:";
  std::vector<std::pair<std::string, double>> named;
  for (auto at = prompt.find(mark); at != std::string_view::npos; at = prompt.find(mark, at)) {
    at += mark.size();
    const auto end = prompt.find('>', at);
    if (end == std::string_view::npos) break;
    const auto tag = prompt.substr(at, end - at);
    const auto colon = tag.find(':');
    double scale = 1;
    if (colon != std::string_view::npos) {
      const auto number = tag.substr(colon + 1);
      std::from_chars(number.data(), number.data() + number.size(), scale);
    }
    if (!tag.substr(0, colon).empty()) named.emplace_back(tag.substr(0, colon), scale);
  }
  return named;
}

void add_prompt_loras(const std::vector<std::pair<std::string, double>>& named,
                      const weights::ModelStore& store,
                      std::vector<engine::WeightOverlay>& loras) {
  const auto given = static_cast<std::ptrdiff_t>(loras.size());
  for (const auto& [name, scale] : named) {
    const auto end = loras.begin() + given;
    const auto same = std::find_if(loras.begin(), end,
                                   [&](const auto& lora) { return lora.name == name; });
    if (same != end) {
      same->scale = scale;
      continue;
    }
    const auto file = store.find(name, "loras");
    if (!file)
      throw invalid("the prompt names the LoRA '" + name + "', but " +
                    store.missing(name, "loras"));
    loras.push_back({*file, name, scale});
  }
}

}  // namespace dream::worker
