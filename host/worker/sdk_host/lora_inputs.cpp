#include "host/worker/sdk_host/lora_inputs.hpp"

#include <algorithm>
#include <charconv>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

// The strength in `tag`, what stands between < and >; its spaces and sign as the engine takes them.
double prompt_strength(std::string_view tag, std::string_view written) {
  const auto first = written.find_first_not_of(' '), last = written.find_last_not_of(' ');
  auto number = first == written.npos ? std::string_view{}
                                      : written.substr(first, last + 1 - first);
  if (number.starts_with('+')) number.remove_prefix(1);
  double strength = 0;
  const auto* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, strength,
                                             std::chars_format::fixed);
  if (error == std::errc() && stop == end) return strength;
  throw invalid("prompt: '<lora:" + std::string(tag) + ">': '" + std::string(written) +
                "' is no strength; it must be one number, as in <lora:name:0.8>");
}

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
    const double scale =
        colon == std::string_view::npos ? 1 : prompt_strength(tag, tag.substr(colon + 1));
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
