// Between the DLPack tensors of the C ABI and the engine's plain ones.
#pragma once

#include <dream/abi/tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::worker {

// Owns the values; freed by its deleter.
dream_dl_managed_tensor* managed(engine::HostTensor tensor);

// A view of `tensor`, valid as long as that and `tensor.shape` are not changed.
dream_dl_tensor dl_view(engine::HostTensor& tensor);

// A copy. Throws SdkError (DREAM_INVALID_INPUT), naming `what`, unless the tensor is fp32 in CPU
// memory and makes sense.
engine::HostTensor host_tensor(const dream_dl_tensor* tensor, std::string_view what);

// Throws SdkError (DREAM_INVALID_INPUT) for more than 8 sizes, a negative one, or too many values.
std::vector<std::int64_t> checked_shape(const std::int64_t* shape, std::int32_t ndim,
                                        std::string_view what);

}  // namespace dream::worker
