#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {

at::Tensor to_device(const at::Tensor& host, at::Device device) {
  if (!device.is_cuda()) return host.to(device);
  // Only page-locked memory is copied in the background.
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace dream::engine
