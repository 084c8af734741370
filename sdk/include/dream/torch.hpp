// For templates of tier torch alone: tensors of the SDK as at::Tensor and back, without a copy.
// Such a template runs on a host with exactly its libtorch, compiler and SDK; prefer tier c, and
// build this one with dream_add_template(… TIER torch).
#pragma once

#include <ATen/ATen.h>
#include <ATen/DLConvertor.h>

#include <cstddef>
#include <dream/tensor.hpp>
#include <utility>

static_assert(sizeof(dream_dl_tensor) == sizeof(DLTensor) &&
                  offsetof(dream_dl_tensor, byte_offset) == offsetof(DLTensor, byte_offset) &&
                  sizeof(dream_dl_managed_tensor) == sizeof(DLManagedTensor) &&
                  offsetof(dream_dl_managed_tensor, deleter) == offsetof(DLManagedTensor, deleter),
              "dream: this libtorch speaks another DLPack than the SDK");

namespace dream {

// The same memory as an at::Tensor, which then owns it. Throws c10::Error for what ATen cannot
// hold.
inline at::Tensor to_torch(Tensor tensor) {
  return at::fromDLPack(reinterpret_cast<DLManagedTensor*>(tensor.release()));
}

// A look at borrowed memory: in-place operations change it, and it is valid as long as the view.
inline at::Tensor to_torch(TensorView view) {
  auto* borrowed = new DLManagedTensor{};
  borrowed->dl_tensor = reinterpret_cast<const DLTensor&>(view.dl());
  borrowed->deleter = [](DLManagedTensor* self) { delete self; };
  return at::fromDLPack(borrowed);
}

// The same memory as a Tensor, which keeps the at::Tensor alive.
inline Tensor from_torch(const at::Tensor& tensor) {
  return Tensor(
      reinterpret_cast<dream_dl_managed_tensor*>(at::toDLPack(tensor.detach().contiguous())));
}

}  // namespace dream
