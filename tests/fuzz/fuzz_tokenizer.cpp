// Arbitrary bytes as a prompt, with the bundled vocabulary: the promises of encode() must hold.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sdk/engine/text/tokenizer.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = dream::engine::ClipTokenizer::load(DREAM_TOKENIZER_FOLDER);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ids = tokenizer.tokenize(text);
  require(ids.size() <= 3 * size);  // a byte that is no UTF-8 becomes three
  for (const std::int64_t id : ids) require(id >= 0 && id <= tokenizer.eos());
  const auto encoded = tokenizer.encode(text);
  require(encoded.size() == static_cast<std::size_t>(tokenizer.max_length()));
  require(encoded.front() == tokenizer.bos());
  require(encoded.back() == tokenizer.eos() || encoded.back() == tokenizer.pad());
  return 0;
}
