// TensorFlow's "SAME" padding, which networks that were ported from it keep: as much padding as
// gives ceil(size / stride) results, the odd pixel of it at the bottom and on the right. It depends
// on the picture's size, so it cannot be a setting of the layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "sdk/engine/annotators/layers.hpp"

namespace dream::engine {

// NCHW with `value` around it, for a square window of `kernel` that moves by `stride`.
at::Tensor pad_same(const at::Tensor& x, std::int64_t kernel, std::int64_t stride, double value);

// `conv`, made without padding of its own, over x with "SAME" padding.
at::Tensor convolve_same(const Convolution& conv, const at::Tensor& x);

}  // namespace dream::engine
