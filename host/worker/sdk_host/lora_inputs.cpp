#include "host/worker/sdk_host/lora_inputs.hpp"

#include <algorithm>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {

std::vector<engine::WeightOverlay> lora_inputs(const RunState& run) {
  std::vector<engine::WeightOverlay> loras;
  const nlohmann::json& given = run.input_json("lora");
  if (!given.is_array()) return loras;
  for (const auto& item : given) {
    const auto [path, scale] = weights::parse_scaled_reference(item.get<std::string>());
    loras.push_back({path, std::filesystem::path(path).stem().string(), scale});
  }
  return loras;
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
