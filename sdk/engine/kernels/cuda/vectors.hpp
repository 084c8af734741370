// For the .cu files: elements of 32 or 16 bits, 16 bytes at a time where shapes and addresses
// allow it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "sdk/engine/kernels/cuda/launch.hpp"

namespace dream::engine::cuda {

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) { return x; }
template <>
__device__ inline __half from_float<__half>(float x) { return __float2half_rn(x); }
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

// V elements in fp32, read and written as one word.
template <class T, int V>
struct Floats {
  struct alignas(sizeof(T) * V) Word {
    T elements[V];
  };
  float values[V];

  __device__ static Floats load(const T* from) {
    const Word word = *reinterpret_cast<const Word*>(from);
    Floats floats;
#pragma unroll
    for (int i = 0; i < V; ++i) floats.values[i] = to_float(word.elements[i]);
    return floats;
  }
  __device__ void store(T* to) const {
    Word word;
#pragma unroll
    for (int i = 0; i < V; ++i) word.elements[i] = from_float<T>(values[i]);
    *reinterpret_cast<Word*>(to) = word;
  }
};

// The same for what is fp32 whatever the map's elements are.
template <int V>
__device__ inline void load_floats(const float* from, float (&values)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) values[i] = from[i];
}

template <class T>
inline constexpr int widest = 16 / sizeof(T);

inline bool is_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0;  // so is null
}

inline int pieces(std::int64_t whole, std::int64_t each) {
  return static_cast<int>((whole + each - 1) / each);
}

// Calls launch.template operator()<T, V>() with the type of `element` and the widest V that divides
// `width`; V is 1 where an address is odd.
template <class Launch>
void with_element(Element element, int width, bool aligned, const Launch& launch) {
  const auto with_width = [&]<class T>() {
    if (aligned && width % widest<T> == 0) return launch.template operator()<T, widest<T>>();
    launch.template operator()<T, 1>();
  };
  switch (element) {
    case Element::fp32:
      return with_width.template operator()<float>();
    case Element::fp16:
      return with_width.template operator()<__half>();
    case Element::bf16:
      return with_width.template operator()<__nv_bfloat16>();
  }
}

// How the kernels over maps lie on one: a block takes `lanes` words of channels side by side and
// `rows` pixels at a time, down a strip of pixels.
inline constexpr int lanes = 32, rows = 8;

}  // namespace dream::engine::cuda
