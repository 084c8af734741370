// What torch.save has written since PyTorch 1.6 (`.bin`, `.pt`, `.pth`, `.ckpt`): a zip of one
// pickle and the storages it refers to. The pickle is read as data and never executed.
#pragma once

#include "weights/formats/weight_file.hpp"

namespace dream::weights {

// Tensors are views into `bytes` unless they are strided. Nested dicts are flattened to dotted
// names; when the top dict holds `state_dict`, that alone is read. What is left out, and globals
// that became inert, are told in the notes. Throws Error, also when a tensor depends on such a
// global.
WeightFile read_torch_zip(const FileBytes& bytes);

}  // namespace dream::weights
