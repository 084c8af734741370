// Loops over rows of floats that the compiler turns into vector code, once for each level of the
// instruction set; the machine's own is chosen when the library is loaded. A row is one pixel's
// channels. No pointer may overlap another.
#pragma once

#include <cstdint>

namespace dream::engine {

// `count` rows of `width` floats, one after the other.
struct Rows {
  const float* data;
  std::int64_t count, width;
};

// Adds x - pivot to `sum` and its square to `squares`, channel by channel. With a pivot from among
// the values, squares keep their digits where the mean is far from zero.
void add_moments(const Rows& x, const float* pivot, float* sum, float* squares);

// out = x * factor + offset, the last two `width` floats.
void scale_rows(const Rows& x, const float* factor, const float* offset, float* out);
// out = silu(x * factor + offset), exact to about two units of the last place.
void scale_silu_rows(const Rows& x, const float* factor, const float* offset, float* out);

}  // namespace dream::engine
