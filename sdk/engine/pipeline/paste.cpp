#include <cstddef>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {

void paste(Image& drawn, const Image& original, const Mask& mask) {
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const int repainted = mask.pixels[i], kept = 255 - repainted;
    for (std::size_t byte = 3 * i; byte < 3 * i + 3; ++byte) {
      const int mixed = repainted * drawn.pixels[byte] + kept * original.pixels[byte];
      drawn.pixels[byte] = static_cast<std::uint8_t>((mixed + 127) / 255);
    }
  }
}

}  // namespace dream::engine
