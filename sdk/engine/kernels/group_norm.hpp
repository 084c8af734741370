// Group normalisation (arXiv 1803.08494) of channels_last maps with the silu that follows, in two
// passes over the map: one for the statistics, one that writes the result. Over a known map the
// norm is a factor and an offset per channel; a value that is added to whole channels beforehand
// (the timestep's) goes into those and costs nothing per pixel. For inference; tested against
// libtorch's operators, which everything else uses.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace dream::engine {

// Whether the functions below take `x`: a channels_last map of 4 dimensions, nothing recorded for
// gradients, the switch "group_norm" on; on the CPU in fp32, on a CUDA device where fused.hpp has
// kernels.
bool has_group_norm_kernel(const at::Tensor& x);

// What a norm does to each channel of each picture of a batch: x * factor + offset. fp32 whatever
// the map is, [batch, channels].
struct ChannelAffine {
  at::Tensor factor, offset;
};

struct GroupNormWeights {
  const at::Tensor &weight, &bias;  // [channels], of the map's type
  std::int64_t groups;              // divides the channels
  double eps;
};

// The norm over x + `shift`; `shift` is [1 or batch, channels], undefined for none. The same bits
// for any number of threads.
ChannelAffine group_norm_affine(const at::Tensor& x, const GroupNormWeights& weights,
                                const at::Tensor& shift = {});

// x * factor + offset, with silu: silu of that. `x` may be rows of the map that the affine is of.
// The result is a new channels_last tensor.
at::Tensor scale_channels(const at::Tensor& x, const ChannelAffine& affine, bool silu);

}  // namespace dream::engine
