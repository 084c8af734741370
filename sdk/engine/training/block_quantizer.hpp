// Values in 8 bits (arXiv 2110.02861): in each block of 256 they are divided by the largest
// magnitude, and the nearest of 256 levels stands for each. The levels lie denser towards zero: a
// dynamic exponent takes bits from the fraction (arXiv 1511.04561).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace dream::engine {

class BlockQuantizer {
 public:
  static constexpr std::int64_t block = 256;  // values that share a scale

  // Levels in [-1, 1], or in [0, 1] for values that are never negative.
  BlockQuantizer(bool is_signed, at::Device device);

  static std::int64_t blocks(std::int64_t values) { return (values + block - 1) / block; }

  // fp32 [n] from `codes` (uint8 [n]) and `absmax` (fp32, one per block).
  at::Tensor decode(const at::Tensor& codes, const at::Tensor& absmax) const;
  // The reverse, into tensors of those shapes.
  void encode(const at::Tensor& values, at::Tensor codes, at::Tensor absmax) const;

  const at::Tensor& levels() const { return levels_; }  // fp32 [256], ascending

 private:
  void encode_rows(const at::Tensor& rows, at::Tensor codes, at::Tensor absmax) const;

  at::Tensor levels_, midpoints_;  // midpoints_[i] is between levels i and i + 1
};

}  // namespace dream::engine
