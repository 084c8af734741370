#include "sdk/engine/kernels/rows.hpp"

#include <bit>

#include "sdk/engine/kernels/vector_clones.hpp"

namespace dream::engine {
namespace {

// e^x by Cody and Waite's reduction and the polynomial of Cephes' expf; NaN stays NaN. Branches
// nowhere, so that it vectorises.
DREAM_INLINE float exponential(float x) {
  constexpr float lowest = -87.0F, highest = 88.0F;  // where the result is a normal number
  constexpr float log2_e = 1.44269504088896341F;
  constexpr float ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
  constexpr float to_integer = 12582912.0F;  // 1.5 * 2^23: the sum's low bits are the integer
  constexpr int mantissa_bits = 23;
  x = x < lowest ? lowest : x;
  x = x > highest ? highest : x;
  const float shifted = x * log2_e + to_integer;
  const float n = shifted - to_integer;
  const float r = (x - n * ln2_high) - n * ln2_low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto power = std::bit_cast<std::uint32_t>(shifted) << mantissa_bits;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) + power);
}

DREAM_INLINE float silu(float x) {
  return x / (1.0F + exponential(-x));
}

}  // namespace

DREAM_VECTOR_CLONES
void add_moments(const Rows& x, const float* __restrict pivot, float* __restrict sum,
                 float* __restrict squares) {
  const auto width = x.width;
  const float* __restrict row = x.data;
  std::int64_t done = 0;
  // Four rows at a time: the sums are loaded and stored a quarter as often.
  for (; done + 4 <= x.count; done += 4, row += 4 * width) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float a = row[c] - pivot[c], b = row[c + width] - pivot[c];
      const float d = row[c + 2 * width] - pivot[c], e = row[c + 3 * width] - pivot[c];
      sum[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; done < x.count; ++done, row += width) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float a = row[c] - pivot[c];
      sum[c] += a;
      squares[c] += a * a;
    }
  }
}

DREAM_VECTOR_CLONES
void scale_rows(const Rows& x, const float* __restrict factor, const float* __restrict offset,
                float* __restrict out) {
  const float* __restrict row = x.data;
  for (std::int64_t i = 0; i < x.count; ++i, row += x.width, out += x.width) {
    for (std::int64_t c = 0; c < x.width; ++c) out[c] = row[c] * factor[c] + offset[c];
  }
}

DREAM_VECTOR_CLONES
void scale_silu_rows(const Rows& x, const float* __restrict factor,
                     const float* __restrict offset, float* __restrict out) {
  const float* __restrict row = x.data;
  for (std::int64_t i = 0; i < x.count; ++i, row += x.width, out += x.width) {
    for (std::int64_t c = 0; c < x.width; ++c) out[c] = silu(row[c] * factor[c] + offset[c]);
  }
}

}  // namespace dream::engine
