// What torch.save wrote before PyTorch 1.6, and still writes on request: four pickles (a magic
// number, a version, facts about the machine, the object), the list of storage keys, then each
// storage as its element count and bytes. Read as data, never executed.
#pragma once

#include "weights/formats/weight_file.hpp"

namespace dream::weights {

// True when the bytes start with the pickle of the magic number.
bool looks_like_torch_legacy(std::span<const std::byte> data);

// As read_torch_zip. Throws Error.
WeightFile read_torch_legacy(const FileBytes& bytes);

}  // namespace dream::weights
