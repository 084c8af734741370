#include "sdk/engine/kernels/winograd_tiles.hpp"

#include "sdk/engine/kernels/vector_clones.hpp"

namespace dream::engine {
namespace {

// The compiler cuts it to what a clone's instructions hold.
using Lanes = float __attribute__((vector_size(4 * winograd_lanes), aligned(4), may_alias));

DREAM_INLINE const Lanes& lanes(const float* from) {
  return *reinterpret_cast<const Lanes*>(from);
}
DREAM_INLINE Lanes& lanes(float* to) {
  return *reinterpret_cast<Lanes*>(to);
}

}  // namespace

DREAM_VECTOR_CLONES
void winograd_input_tile(const std::array<const float*, 16>& pixels, std::int64_t channels,
                         float* out, std::int64_t step) {
  for (std::int64_t c = 0; c < channels; c += winograd_lanes) {
    Lanes half[4][4];
    for (int x = 0; x < 4; ++x) {
      const Lanes d0 = lanes(pixels[x] + c), d1 = lanes(pixels[4 + x] + c);
      const Lanes d2 = lanes(pixels[8 + x] + c), d3 = lanes(pixels[12 + x] + c);
      half[0][x] = d0 - d2;
      half[1][x] = d1 + d2;
      half[2][x] = d2 - d1;
      half[3][x] = d1 - d3;
    }
    for (int y = 0; y < 4; ++y) {
      float* const row = out + 4 * y * step + c;
      lanes(row) = half[y][0] - half[y][2];
      lanes(row + step) = half[y][1] + half[y][2];
      lanes(row + 2 * step) = half[y][2] - half[y][1];
      lanes(row + 3 * step) = half[y][1] - half[y][3];
    }
  }
}

DREAM_VECTOR_CLONES
void winograd_output_tile(const std::array<const float*, 16>& rows, std::int64_t channels,
                          const float* bias, const std::array<const float*, 4>& residual,
                          const std::array<float*, 4>& out) {
  for (std::int64_t c = 0; c < channels; c += winograd_lanes) {
    Lanes half[2][4];
    for (int x = 0; x < 4; ++x) {
      const Lanes m1 = lanes(rows[4 + x] + c), m2 = lanes(rows[8 + x] + c);
      half[0][x] = lanes(rows[x] + c) + m1 + m2;
      half[1][x] = m1 - m2 - lanes(rows[12 + x] + c);
    }
    for (int y = 0; y < 2; ++y) {
      const Lanes both[2] = {half[y][0] + half[y][1] + half[y][2],
                             half[y][1] - half[y][2] - half[y][3]};
      for (int x = 0; x < 2; ++x) {
        const int i = 2 * y + x;
        if (out[i] == nullptr) continue;
        Lanes sum = both[x] + lanes(bias + c);
        if (residual[i] != nullptr) sum += lanes(residual[i] + c);
        lanes(out[i] + c) = sum;
      }
    }
  }
}

}  // namespace dream::engine
