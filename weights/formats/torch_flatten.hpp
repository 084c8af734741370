// From the inert graph of a torch.save pickle to named tensors, whichever container holds the
// storages.
#pragma once

#include "weights/formats/pickle.hpp"
#include "weights/formats/torch_tensor.hpp"
#include "weights/formats/weight_file.hpp"

namespace dream::weights {

// Nested dicts are flattened to dotted names; when the top dict holds `state_dict`, that alone is
// read. What is left out, and globals that became inert, are told in the notes. Throws Error, also
// when a tensor depends on such a global.
WeightFile flatten_torch(const FileBytes& file, Format format, const pickle::Document& document,
                         const ReadStorage& read_storage);

}  // namespace dream::weights
