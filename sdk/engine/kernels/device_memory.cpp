#include "sdk/engine/kernels/device_memory.hpp"

#ifdef DREAM_CUDA
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#endif

namespace dream::engine {

std::optional<DeviceMemory> device_memory([[maybe_unused]] const c10::Device& device) {
#ifdef DREAM_CUDA
  if (device.is_cuda()) {
    const c10::cuda::CUDAGuard guard(device);
    // Another thread may be recording a graph, which a question like this would spoil.
    const c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
    std::size_t free_bytes = 0, total_bytes = 0;
    if (cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess)
      return DeviceMemory{static_cast<std::int64_t>(total_bytes - free_bytes),
                          static_cast<std::int64_t>(total_bytes)};
    cudaGetLastError();  // the next call must not find this one's error
  }
#endif
  return std::nullopt;
}

}  // namespace dream::engine
