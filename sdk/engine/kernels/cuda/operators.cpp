#include "sdk/engine/kernels/cuda/operators.hpp"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "sdk/engine/kernels/cuda/launch.hpp"

namespace dream::engine::cuda {
namespace {

Element element_of(const at::Tensor& x) {
  if (x.scalar_type() == at::kHalf) return Element::fp16;
  return x.scalar_type() == at::kBFloat16 ? Element::bf16 : Element::fp32;
}

MapShape shape_of(const at::Tensor& map) {
  return {map.size(0), map.size(2) * map.size(3), static_cast<int>(map.size(1))};
}

at::Tensor floats(const at::Tensor& like, at::IntArrayRef sizes) {
  return at::empty(sizes, like.options().dtype(at::kFloat).memory_format(std::nullopt));
}

// The stream of the tensor's device, current while this lives.
struct Place {
  explicit Place(const at::Tensor& x)
      : guard(x.device()), stream(c10::cuda::getCurrentCUDAStream(x.get_device())) {}
  void check() const { C10_CUDA_KERNEL_LAUNCH_CHECK(); }

  c10::cuda::CUDAGuard guard;
  cudaStream_t stream;
};

}  // namespace

ChannelAffine group_norm_affine(const at::Tensor& x, const GroupNormWeights& weights,
                                const at::Tensor& shift) {
  const Place place(x);
  const auto shape = shape_of(x);
  const auto shifts = shift.defined() ? shift.to(x.scalar_type()).contiguous() : shift;
  const auto scratch = floats(x, {norm_scratch_floats(shape)});
  ChannelAffine affine{floats(x, {x.size(0), x.size(1)}), floats(x, {x.size(0), x.size(1)})};
  norm_affine({.shape = shape,
               .groups = static_cast<int>(weights.groups),
               .eps = static_cast<float>(weights.eps),
               .x = x.const_data_ptr(),
               .weight = weights.weight.const_data_ptr(),
               .bias = weights.bias.const_data_ptr(),
               .shift = shifts.defined() ? shifts.const_data_ptr() : nullptr,
               .shift_step = shifts.defined() && shifts.size(0) > 1 ? 1 : 0,
               .scratch = scratch.mutable_data_ptr<float>(),
               .factor = affine.factor.mutable_data_ptr<float>(),
               .offset = affine.offset.mutable_data_ptr<float>()},
              element_of(x), place.stream);
  place.check();
  return affine;
}

at::Tensor scale_channels(const at::Tensor& x, const ChannelAffine& affine, bool silu) {
  const Place place(x);
  auto result = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
  scale_channels({.shape = shape_of(x),
                  .x = x.const_data_ptr(),
                  .factor = affine.factor.const_data_ptr<float>(),
                  .offset = affine.offset.const_data_ptr<float>(),
                  .silu = silu,
                  .out = result.mutable_data_ptr()},
                 element_of(x), place.stream);
  place.check();
  return result;
}

at::Tensor geglu(const at::Tensor& both, const at::Tensor& bias) {
  const Place place(both);
  const auto width = both.size(-1) / 2;
  auto sizes = both.sizes().vec();
  sizes.back() = width;
  auto result = at::empty(sizes, both.options());
  geglu({.rows = result.numel() / width,
         .width = static_cast<int>(width),
         .both = both.const_data_ptr(),
         .bias = bias.defined() ? bias.const_data_ptr() : nullptr,
         .out = result.mutable_data_ptr()},
        element_of(both), place.stream);
  place.check();
  return result;
}

void add_bias_residual_(at::Tensor& y, const at::Tensor& bias, const at::Tensor& residual) {
  const Place place(y);
  add_bias_residual({.shape = shape_of(y),
                     .y = y.mutable_data_ptr(),
                     .bias = bias.const_data_ptr(),
                     .residual = residual.const_data_ptr()},
                    element_of(y), place.stream);
  place.check();
}

}  // namespace dream::engine::cuda
