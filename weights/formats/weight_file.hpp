// One entry to every supported weight file. The format is told by content, never by suffix.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights/formats/memory_map.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

enum class Format { safetensors, torch_zip, torch_legacy };

std::string_view to_string(Format format);  // "safetensors", "torch-zip", …

struct WeightFile {
  Format format = Format::safetensors;
  WeightMap tensors;
  // safetensors' __metadata__; of a torch checkpoint its "global_step".
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> texts;  // torch: what stands beside the tensors, at the top
  std::vector<std::string> notes;               // what was skipped or made inert, for the user
  std::vector<std::filesystem::path> files;  // what was read: one file, or every shard of an index
};

// Reads `path` (a file, or a sharded `*.index.json`). Tensors are views into a memory map where the
// format allows. Throws Error.
WeightFile read_weight_file(const std::filesystem::path& path);

// The same for one file that is already in memory; `bytes.name` is what messages call it.
WeightFile read_weight_bytes(const FileBytes& bytes);

}  // namespace dream::weights
