// Writes safetensors files tensor by tensor, so that a model of any size needs little memory.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weights/formats/output_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

struct TensorPlan {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

// Writes the row-major bytes of `plan`: exactly byte_size() of them, in any number of pieces.
using WriteTensor = std::function<void(const TensorPlan& plan, const WriteBytes& write)>;

// One file, complete or absent. `tensors` must have distinct names; they are written in this order.
// Throws Error when it cannot be written, or when `write` wrote another number of bytes.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorPlan>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const WriteTensor& write);

}  // namespace dream::weights
