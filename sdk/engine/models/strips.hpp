// The VAE's layers over large feature maps, some rows at a time. A layer normalised over the whole
// map and convolved strip by strip gives what it gives in one piece, so there are no seams to hide;
// the temporary maps (normalised, activated, upsampled) exist for one strip only.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "sdk/engine/models/resnet.hpp"

namespace dream::engine {

// Maps above this size are worth it: SD's VAE has larger ones for pictures above 512 x 512.
inline constexpr std::int64_t large_map_bytes = 256 << 20;

// Each as the layer's own operator(), in strips of about `strip_bytes` of the input and at least a
// few rows; maps are [1, channels, height, width], channels_last. The resnet has no timestep; its
// result may take the place of `input`.
at::Tensor in_strips(const ResnetBlock2D& resnet, at::Tensor input, std::int64_t strip_bytes);
at::Tensor in_strips(const Upsample2D& upsampler, const at::Tensor& input,
                     std::int64_t strip_bytes);
at::Tensor in_strips(const Downsample2D& downsampler, const at::Tensor& input,
                     std::int64_t strip_bytes);
// conv(act(norm(input)))
at::Tensor in_strips(const GroupNorm& norm, Activation act, const Conv2d& conv,
                     const at::Tensor& input, std::int64_t strip_bytes);

}  // namespace dream::engine
