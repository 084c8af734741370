// Writes the files of torch.save (zip-pickle, since PyTorch 1.6): a dict of names to tensors that
// `torch.load(..., weights_only=True)` and every older version read. Template images of 2023 know
// no other format.
#pragma once

#include <filesystem>
#include <vector>

#include "weights/formats/safetensors_writer.hpp"

namespace dream::weights {

// One file, complete or absent. `tensors` must have distinct names; they are written in this order.
// Throws Error when it cannot be written, or when `write` gave another number of bytes.
void write_torch_zip(const std::filesystem::path& path, const std::vector<TensorPlan>& tensors,
                     const WriteTensor& write);

}  // namespace dream::weights
