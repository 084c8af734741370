// The two ends of a Winograd convolution over one tile: 4x4 pixels of all channels to 16 rows of
// the matrix products, and the products' 16 rows to 2x2 pixels. Channels are multiples of
// `winograd_lanes`.
#pragma once

#include <array>
#include <cstdint>

namespace dream::engine {

inline constexpr std::int64_t winograd_lanes = 16;  // floats of the widest vector

// B^T d B: `pixels` are the tile's, row by row; row i of the result goes to out + i * step.
void winograd_input_tile(const std::array<const float*, 16>& pixels, std::int64_t channels,
                         float* out, std::int64_t step);

// A^T m A + bias + residual. `rows` are the products' rows for this tile. Of the tile's four pixels
// (row by row) those are written whose `out` is not null; `residual` has the same places or is
// all null.
void winograd_output_tile(const std::array<const float*, 16>& rows, std::int64_t channels,
                          const float* bias, const std::array<const float*, 4>& residual,
                          const std::array<float*, 4>& out);

}  // namespace dream::engine
