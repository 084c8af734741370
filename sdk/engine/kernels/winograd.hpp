// 3x3 convolutions of stride 1 by Winograd's minimal filtering F(2x2, 3x3) (Lavin, Gray: "Fast
// Algorithms for Convolutional Neural Networks", arXiv 1509.09308): 4 multiplications a pixel in
// place of 9, as 16 matrix products over tiles of 4x4 pixels that overlap by two. Its sums and
// differences are few and of like size, so fp32 loses next to nothing. For inference in fp32 on the
// CPU; tested against the plain operator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace dream::engine {

// Whether the channels are such that the functions below take them.
bool fits_winograd(std::int64_t in_channels, std::int64_t out_channels);

inline constexpr std::int64_t winograd_products = 16;

// [out, in, 3, 3] to [16, out, in]: the matrices of the products.
at::Tensor winograd_filters(const at::Tensor& weight);

// The convolution of `x` [batch, in, height, width] with padding 1, plus `bias` [out], plus
// `residual` of the result's shape unless undefined. `packed` holds the 16 matrices, each laid out
// by pack_linear(). The result is channels_last.
at::Tensor winograd_convolution(const at::Tensor& x, const std::vector<at::Tensor>& packed,
                                const at::Tensor& bias, const at::Tensor& residual);

}  // namespace dream::engine
