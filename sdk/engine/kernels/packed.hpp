// Linear layers and convolutions whose weights oneDNN has laid out once for its own kernels, with
// what follows them (gelu, a product, a residual) computed on the way out. fp32 on the CPU. Each
// is tested against the plain operators, which everything else uses.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace dream::engine {

// Whether this libtorch carries the operators below (they are not part of its stable interface).
bool has_packed_operators();

// Opaque tensors of the weight's sizes, only for the functions below. Linear: [out, in];
// convolution: [out, in, k, k], channels_last.
at::Tensor pack_linear(const at::Tensor& weight);
at::Tensor pack_convolution(const at::Tensor& weight, std::int64_t stride, std::int64_t padding);

// x W^T + b over the last dimension; `bias` may be undefined.
at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias);
// gelu(x W^T + b), by erf.
at::Tensor packed_linear_gelu(const at::Tensor& x, const at::Tensor& packed,
                              const at::Tensor& bias);
// (x W^T + b) + other, or times other, which has the result's shape.
at::Tensor packed_linear_add(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other);
at::Tensor packed_linear_mul(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other);

// The results are channels_last; `other` has the result's shape.
at::Tensor packed_convolution(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                              std::int64_t stride, std::int64_t padding);
at::Tensor packed_convolution_add(const at::Tensor& x, const at::Tensor& packed,
                                  const at::Tensor& bias, const at::Tensor& other,
                                  std::int64_t stride, std::int64_t padding);

}  // namespace dream::engine
