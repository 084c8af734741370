#include "sdk/engine/annotators/same_padding.hpp"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

namespace dream::engine {

at::Tensor pad_same(const at::Tensor& x, std::int64_t kernel, std::int64_t stride, double value) {
  const auto missing = [&](std::int64_t size) {
    const auto results = (size + stride - 1) / stride;
    return std::max<std::int64_t>((results - 1) * stride + kernel - size, 0);
  };
  const auto rows = missing(x.size(2)), columns = missing(x.size(3));
  if (rows == 0 && columns == 0) return x;
  return at::constant_pad_nd(
      x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2}, value);
}

at::Tensor convolve_same(const Convolution& conv, const at::Tensor& x) {
  return conv(pad_same(x, conv.weight.size(2), conv.stride, 0));
}

}  // namespace dream::engine
