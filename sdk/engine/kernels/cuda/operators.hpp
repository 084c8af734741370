// The CUDA kernels of launch.hpp over tensors, on the current stream. What comes in is checked by
// the caller: same device and element type throughout, maps channels_last.
#pragma once

#include <ATen/core/Tensor.h>

#include "sdk/engine/kernels/group_norm.hpp"

namespace dream::engine::cuda {

// As in kernels/group_norm.hpp.
ChannelAffine group_norm_affine(const at::Tensor& x, const GroupNormWeights& weights,
                                const at::Tensor& shift);
at::Tensor scale_channels(const at::Tensor& x, const ChannelAffine& affine, bool silu);

// As in kernels/fused.hpp.
at::Tensor geglu(const at::Tensor& both, const at::Tensor& bias);
void add_bias_residual_(at::Tensor& y, const at::Tensor& bias, const at::Tensor& residual);

}  // namespace dream::engine::cuda
