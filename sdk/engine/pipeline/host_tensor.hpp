// Between the engine's tensors and the plain ones that cross engine.hpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

// A copy in fp32, on the CPU.
HostTensor to_host(const at::Tensor& tensor);
at::Tensor to_tensor(const HostTensor& tensor);

// Throws InvalidInput that names `what` unless the tensor has this shape (-1: any size from 1 on)
// and as many values as its shape says.
void check_shape(std::string_view what, const HostTensor& tensor,
                 const std::vector<std::int64_t>& expected);

}  // namespace dream::engine
