// From CPU memory to where a model computes, without waiting for what the device is doing: the loop
// over steps runs ahead of a CUDA device and would else stop at each small tensor it hands over.
#pragma once

#include <ATen/core/Tensor.h>

namespace dream::engine {

// `host`, a tensor in CPU memory, on `device` in its own type.
at::Tensor to_device(const at::Tensor& host, at::Device device);

}  // namespace dream::engine
