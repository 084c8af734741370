// What follows a convolution or a matrix product, in one pass over its result.
#include "sdk/engine/kernels/cuda/vectors.hpp"

namespace dream::engine::cuda {
namespace {

constexpr std::int64_t pixels_of_a_block = 32;
constexpr float root_half = 0.70710678118654752F;

template <class T, int V>
__global__ void __launch_bounds__(lanes* rows)
    add_bias_residual(T* y, const T* bias, const T* residual, std::int64_t pixels, int channels) {
  const int channel = static_cast<int>(blockIdx.y * lanes + threadIdx.x) * V;
  if (channel >= channels) return;
  const auto added = Floats<T, V>::load(bias + channel);
  const std::int64_t begin = blockIdx.x * pixels_of_a_block;
  const std::int64_t end = min(begin + pixels_of_a_block, pixels);
  for (std::int64_t p = begin + threadIdx.y; p < end; p += rows) {
    const std::int64_t place = p * channels + channel;
    auto sum = Floats<T, V>::load(y + place);
    const auto other = Floats<T, V>::load(residual + place);
#pragma unroll
    for (int i = 0; i < V; ++i) sum.values[i] += added.values[i] + other.values[i];
    sum.store(y + place);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(lanes* rows)
    geglu(const T* both, const T* bias, T* out, std::int64_t count, int width) {
  const int column = static_cast<int>(blockIdx.y * lanes + threadIdx.x) * V;
  if (column >= width) return;
  Floats<T, V> value_bias = {}, gate_bias = {};
  if (bias != nullptr) {
    value_bias = Floats<T, V>::load(bias + column);
    gate_bias = Floats<T, V>::load(bias + width + column);
  }
  const std::int64_t begin = blockIdx.x * pixels_of_a_block;
  const std::int64_t end = min(begin + pixels_of_a_block, count);
  for (std::int64_t row = begin + threadIdx.y; row < end; row += rows) {
    const T* const from = both + row * 2 * width + column;
    auto value = Floats<T, V>::load(from);
    const auto gate = Floats<T, V>::load(from + width);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      const float g = gate.values[i] + gate_bias.values[i];
      value.values[i] = (value.values[i] + value_bias.values[i]) * 0.5F * g *
                        (1.0F + erff(g * root_half));
    }
    value.store(out + row * width + column);
  }
}

}  // namespace

void add_bias_residual(const AddBiasResidual& add, Element element, cudaStream_t stream) {
  const auto pixels = add.shape.batch * add.shape.pixels;
  const bool aligned = is_aligned(add.y) && is_aligned(add.bias) && is_aligned(add.residual);
  with_element(element, add.shape.channels, aligned, [&]<class T, int V>() {
    const dim3 grid(pieces(pixels, pixels_of_a_block), pieces(add.shape.channels, lanes * V));
    add_bias_residual<T, V><<<grid, dim3(lanes, rows), 0, stream>>>(
        static_cast<T*>(add.y), static_cast<const T*>(add.bias),
        static_cast<const T*>(add.residual), pixels, add.shape.channels);
  });
}

void geglu(const Geglu& product, Element element, cudaStream_t stream) {
  const bool aligned =
      is_aligned(product.both) && is_aligned(product.bias) && is_aligned(product.out);
  with_element(element, product.width, aligned, [&]<class T, int V>() {
    const dim3 grid(pieces(product.rows, pixels_of_a_block), pieces(product.width, lanes * V));
    geglu<T, V><<<grid, dim3(lanes, rows), 0, stream>>>(
        static_cast<const T*>(product.both), static_cast<const T*>(product.bias),
        static_cast<T*>(product.out), product.rows, product.width);
  });
}

}  // namespace dream::engine::cuda
