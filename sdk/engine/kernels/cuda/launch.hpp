// Launches of the engine's own CUDA kernels: raw pointers to device memory, no libtorch, so that
// nvcc compiles the .cu files in seconds. All are asynchronous on the stream given, compute in fp32
// whatever the elements are, and give the same bits each time: no atomics, and a grid that depends
// on the shapes alone. What goes wrong is found by cudaGetLastError() afterwards.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace dream::engine::cuda {

enum class Element { fp32, fp16, bf16 };

// A channels_last map: [batch][pixels][channels].
struct MapShape {
  std::int64_t batch, pixels;
  int channels;
};

// Floats that norm_affine() needs to work with.
std::int64_t norm_scratch_floats(const MapShape& shape);

// The norm of a map over groups of channels as `factor` and `offset`, both fp32 [batch][channels].
struct NormAffine {
  MapShape shape;
  int groups;
  float eps;
  const void *x, *weight, *bias;  // all of one element type
  // Added to whole channels first, [batch][channels] with `shift_step` 1 or one row for all with 0;
  // null for none.
  const void* shift;
  int shift_step;
  float *scratch, *factor, *offset;
};
void norm_affine(const NormAffine& norm, Element element, cudaStream_t stream);

// out = x * factor + offset, or silu of that.
struct ScaleChannels {
  MapShape shape;
  const void* x;
  const float *factor, *offset;
  bool silu;
  void* out;
};
void scale_channels(const ScaleChannels& scale, Element element, cudaStream_t stream);

// y = y + bias + residual in place; bias is [channels].
struct AddBiasResidual {
  MapShape shape;
  void* y;
  const void *bias, *residual;
};
void add_bias_residual(const AddBiasResidual& add, Element element, cudaStream_t stream);

// out = (value + its bias) * gelu(gate + its bias), gelu by erf. A row of `both` is `width` values,
// then `width` gates; bias likewise, or null. `out` is [rows][width].
struct Geglu {
  std::int64_t rows;
  int width;
  const void *both, *bias;
  void* out;
};
void geglu(const Geglu& product, Element element, cudaStream_t stream);

}  // namespace dream::engine::cuda
