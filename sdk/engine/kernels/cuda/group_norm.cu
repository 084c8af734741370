// Group norm of channels_last maps: sums over strips of pixels by channel, then each group's
// statistics from its channels' sums (Chan, Golub, LeVeque 1979), then one pass that writes.
#include <algorithm>

#include "sdk/engine/kernels/cuda/vectors.hpp"

namespace dream::engine::cuda {
namespace {

constexpr std::int64_t pixels_of_a_strip = 64;
constexpr std::int64_t most_strips = 256;
constexpr int threads_of_a_group = 128;
constexpr int warp = 32;

struct Strips {
  std::int64_t pixels;
  int count;

  explicit Strips(std::int64_t all)
      : pixels(std::max(pixels_of_a_strip, (all + most_strips - 1) / most_strips)),
        count(pieces(all, pixels)) {}
};

__device__ float sum_of_warp(float x) {
#pragma unroll
  for (int apart = warp / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(0xffffffffU, x, apart);
  return x;
}

// Sum and sum of squares of x - pivot over a strip, the pivot being the picture's first pixel.
// partial: [batch][strips][channels].
template <class T, int V>
__global__ void __launch_bounds__(lanes* rows)
    sum_strips(const T* x, float2* partial, std::int64_t pixels, int channels,
               std::int64_t strip) {
  __shared__ float2 sums[rows][lanes * V];
  const int first = static_cast<int>(blockIdx.y) * lanes * V;
  const int channel = first + static_cast<int>(threadIdx.x) * V;
  const T* const picture = x + blockIdx.z * pixels * channels;
  float sum[V] = {}, squares[V] = {};
  if (channel < channels) {
    const auto pivot = Floats<T, V>::load(picture + channel);
    const std::int64_t begin = blockIdx.x * strip;
    const std::int64_t end = min(begin + strip, pixels);
    for (std::int64_t p = begin + threadIdx.y; p < end; p += rows) {
      const auto pixel = Floats<T, V>::load(picture + p * channels + channel);
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float apart = pixel.values[i] - pivot.values[i];
        sum[i] += apart;
        squares[i] += apart * apart;
      }
    }
  }
#pragma unroll
  for (int i = 0; i < V; ++i)
    sums[threadIdx.y][threadIdx.x * V + i] = make_float2(sum[i], squares[i]);
  __syncthreads();
  const int own = static_cast<int>(threadIdx.y * lanes + threadIdx.x);
  float2* const out = partial + (blockIdx.z * gridDim.x + blockIdx.x) * channels + first;
  for (int k = own; k < lanes * V && first + k < channels; k += lanes * rows) {
    float2 all = sums[0][k];
#pragma unroll
    for (int y = 1; y < rows; ++y) {
      all.x += sums[y][k].x;
      all.y += sums[y][k].y;
    }
    out[k] = all;
  }
}

// One block per group and picture. Shared memory: mean and deviations of the group's channels.
template <class T>
__global__ void __launch_bounds__(threads_of_a_group)
    finish_norm(NormAffine norm, const float2* partial, int strips) {
  extern __shared__ float means[];
  __shared__ float group_mean, group_scale;
  const int channels = norm.shape.channels, in_group = channels / norm.groups;
  float* const deviations = means + in_group;
  const int first = static_cast<int>(blockIdx.x) * in_group;
  const auto picture = static_cast<std::int64_t>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % warp;
  const auto pixels = static_cast<float>(norm.shape.pixels);
  const T* const pivots = static_cast<const T*>(norm.x) + picture * norm.shape.pixels * channels;
  const T* shift = static_cast<const T*>(norm.shift);
  if (shift != nullptr) shift += picture * norm.shift_step * channels;
  for (int c = static_cast<int>(threadIdx.x) / warp; c < in_group;
       c += threads_of_a_group / warp) {
    float sum = 0, squares = 0;
    for (int strip = lane; strip < strips; strip += warp) {
      const float2 part = partial[(picture * strips + strip) * channels + first + c];
      sum += part.x;
      squares += part.y;
    }
    sum = sum_of_warp(sum);
    squares = sum_of_warp(squares);
    if (lane == 0) {
      const float added = shift == nullptr ? 0.0F : to_float(shift[first + c]);
      means[c] = to_float(pivots[first + c]) + sum / pixels + added;
      deviations[c] = fmaxf(0.0F, squares - sum * sum / pixels);
    }
  }
  __syncthreads();
  if (threadIdx.x < warp) {
    float sum = 0, apart = 0;
    for (int c = lane; c < in_group; c += warp) sum += means[c];
    const float mean = sum_of_warp(sum) / static_cast<float>(in_group);
    for (int c = lane; c < in_group; c += warp) {
      const float distance = means[c] - mean;
      apart += deviations[c] + pixels * distance * distance;
    }
    apart = sum_of_warp(apart);
    if (lane == 0) {
      group_mean = mean;
      group_scale = rsqrtf(apart / (static_cast<float>(in_group) * pixels) + norm.eps);
    }
  }
  __syncthreads();
  for (int c = static_cast<int>(threadIdx.x); c < in_group; c += threads_of_a_group) {
    const float added = shift == nullptr ? 0.0F : to_float(shift[first + c]);
    const float factor = to_float(static_cast<const T*>(norm.weight)[first + c]) * group_scale;
    const float bias = to_float(static_cast<const T*>(norm.bias)[first + c]);
    norm.factor[picture * channels + first + c] = factor;
    norm.offset[picture * channels + first + c] = bias + (added - group_mean) * factor;
  }
}

template <class T, int V, bool silu>
__global__ void __launch_bounds__(lanes* rows)
    scale(const T* x, const float* factors, const float* offsets, T* out, std::int64_t pixels,
          int channels) {
  const int channel = static_cast<int>(blockIdx.y * lanes + threadIdx.x) * V;
  if (channel >= channels) return;
  const std::int64_t picture = blockIdx.z;
  float factor[V], offset[V];
  load_floats(factors + picture * channels + channel, factor);
  load_floats(offsets + picture * channels + channel, offset);
  const std::int64_t begin = blockIdx.x * pixels_of_a_strip;
  const std::int64_t end = min(begin + pixels_of_a_strip, pixels);
  for (std::int64_t p = begin + threadIdx.y; p < end; p += rows) {
    const std::int64_t place = (picture * pixels + p) * channels + channel;
    auto pixel = Floats<T, V>::load(x + place);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      const float y = pixel.values[i] * factor[i] + offset[i];
      pixel.values[i] = silu ? y / (1.0F + __expf(-y)) : y;
    }
    pixel.store(out + place);
  }
}

}  // namespace

std::int64_t norm_scratch_floats(const MapShape& shape) {
  return 2 * shape.batch * Strips(shape.pixels).count * shape.channels;
}

void norm_affine(const NormAffine& norm, Element element, cudaStream_t stream) {
  const auto& shape = norm.shape;
  const Strips strips(shape.pixels);
  auto* const partial = reinterpret_cast<float2*>(norm.scratch);
  with_element(element, shape.channels, is_aligned(norm.x), [&]<class T, int V>() {
    const dim3 grid(strips.count, pieces(shape.channels, lanes * V),
                    static_cast<unsigned>(shape.batch));
    sum_strips<T, V><<<grid, dim3(lanes, rows), 0, stream>>>(
        static_cast<const T*>(norm.x), partial, shape.pixels, shape.channels, strips.pixels);
    const dim3 groups(norm.groups, static_cast<unsigned>(shape.batch));
    const auto shared = 2 * sizeof(float) * (shape.channels / norm.groups);
    finish_norm<T><<<groups, threads_of_a_group, shared, stream>>>(norm, partial, strips.count);
  });
}

void scale_channels(const ScaleChannels& call, Element element, cudaStream_t stream) {
  const auto& shape = call.shape;
  const bool aligned = is_aligned(call.x) && is_aligned(call.out);
  with_element(element, shape.channels, aligned, [&]<class T, int V>() {
    const dim3 grid(pieces(shape.pixels, pixels_of_a_strip), pieces(shape.channels, lanes * V),
                    static_cast<unsigned>(shape.batch));
    const auto kernel = call.silu ? scale<T, V, true> : scale<T, V, false>;
    kernel<<<grid, dim3(lanes, rows), 0, stream>>>(static_cast<const T*>(call.x), call.factor,
                                                   call.offset, static_cast<T*>(call.out),
                                                   shape.pixels, shape.channels);
  });
}

}  // namespace dream::engine::cuda
