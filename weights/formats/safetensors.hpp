// The safetensors format: 8 bytes header length, a JSON header, then the tensors' bytes. Checked as
// strictly as the reference implementation: offsets must tile the buffer exactly.
// https://huggingface.co/docs/safetensors (format section).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "weights/formats/weight_file.hpp"

namespace dream::weights {

// True when the bytes look like safetensors (a plausible header length, then '{').
bool looks_like_safetensors(std::span<const std::byte> data);

// Tensors are views into `bytes`. Dtypes that DType lacks are skipped with a note. Throws Error.
WeightFile read_safetensors(const FileBytes& bytes);

// A file beside the index, by its plain name; nullopt when there is none.
using OpenShard = std::function<std::optional<FileBytes>(const std::string& name)>;

// A sharded model: a JSON file whose `weight_map` names each tensor's shard, a file in the same
// folder. Throws Error, also when a shard lies elsewhere or lacks a tensor.
WeightFile read_sharded_index(const FileBytes& index, const OpenShard& open);

}  // namespace dream::weights
