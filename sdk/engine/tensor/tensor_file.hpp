// Tensors as what weight files are made of.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

#include "weights/tensor_view.hpp"

namespace dream::engine {

// The file type of a tensor's elements, and the reverse. Throw std::runtime_error for complex and
// quantised ones.
weights::DType to_dtype(at::ScalarType type);
at::ScalarType to_scalar_type(weights::DType type);

// A view of the tensor's values in row-major order; a copy of them where they lie otherwise or on
// another device.
weights::TensorView view_of(const at::Tensor& tensor);

// Writes one safetensors file, whole or not at all. Tensors of other devices are copied one by one.
// Throws weights::Error.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace dream::engine
