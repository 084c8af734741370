// Arbitrary bytes as a weighted prompt: either it is read, or refused with InvalidInput.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sdk/engine/text/prompt_syntax.hpp"

namespace {

using namespace dream::engine;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const std::vector<WeightedText>& texts) {
  for (const auto& text : texts) require(std::abs(text.weight) <= max_prompt_weight);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view prompt(reinterpret_cast<const char*>(data), size);
  try {
    const auto parsed = parse_compel(prompt);
    require(!parsed.parts.empty());
    for (const auto& part : parsed.parts) {
      require(part.prompts.size() == part.weights.size());
      for (const auto& texts : part.prompts) check(texts);
    }
  } catch (const InvalidInput&) {
  }
  try {
    const auto stretches = parse_a1111(prompt);
    require(!stretches.empty());
    for (const auto& texts : stretches) check(texts);
    const auto at = find_composition(prompt);
    require(!at || prompt.substr(*at, 3) == "AND");
  } catch (const InvalidInput&) {
  }
  return 0;
}
