// What follows a matrix product or a convolution on a CUDA device, in one pass of our own kernels.
// On the CPU oneDNN does it on the way out of the product (packed.hpp). For inference.
#pragma once

#include <ATen/core/Tensor.h>

namespace dream::engine {

// Whether the functions below take `x`: on a CUDA device, in a build with DREAM_CUDA, fp32, fp16 or
// bf16, nothing recorded for gradients.
bool has_cuda_kernels(const at::Tensor& x);

// Of `both` [..., 2 * width], values beside gates: (value + bias) * gelu(gate + bias), by erf.
// `bias` is [2 * width]; contiguous.
at::Tensor geglu(const at::Tensor& both, const at::Tensor& bias);

// y + bias + residual, written over `y`. Both maps are [batch, channels, height, width],
// channels_last; `bias` is [channels].
void add_bias_residual_(at::Tensor& y, const at::Tensor& bias, const at::Tensor& residual);

}  // namespace dream::engine
