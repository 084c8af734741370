// 8-bit pictures as models take them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace dream::engine {

// height x width x channels bytes to [1, channels, height, width] in 0..1, fp32 on the CPU.
at::Tensor unit_pixels(const std::vector<std::uint8_t>& bytes, int width, int height, int channels);

}  // namespace dream::engine
