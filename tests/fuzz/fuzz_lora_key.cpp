// Arbitrary text as the key of a LoRA file: told apart, or no key of a LoRA at all.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sdk/engine/adapters/lora_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view key(reinterpret_cast<const char*>(data), size);
  const auto parsed = dream::engine::parse_lora_key(key);
  if (!parsed) return 0;
  const bool flat = parsed->layer.find('.') == std::string::npos;
  if (!flat || parsed->part.empty() || parsed->layer.size() != parsed->path.size() ||
      parsed->path.size() >= key.size())
    std::abort();
  return 0;
}
