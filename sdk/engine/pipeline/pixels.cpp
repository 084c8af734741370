#include "sdk/engine/pipeline/pixels.hpp"

#include <ATen/ops/from_blob.h>

namespace dream::engine {

at::Tensor unit_pixels(const std::vector<std::uint8_t>& bytes, int width, int height,
                       int channels) {
  return at::from_blob(const_cast<std::uint8_t*>(bytes.data()),  // read only
                       {1, height, width, channels}, at::kByte)
      .permute({0, 3, 1, 2})
      .to(at::kFloat)
      .div(255);
}

}  // namespace dream::engine
