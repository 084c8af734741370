// The report behind `dream weights inspect PATH`: what a weight file or a model folder holds,
// without loading libtorch.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dream::weights {

// Reads headers, not tensor data. `path` is a weight file, a sharded index, a diffusers folder, a
// component's folder, or a folder with one weight file in it. Result:
//   {"path", "type": "file" | "folder", "class": pipeline class or absent,
//    "components": [{"name" ("" for a file), "class", "files": [relative to path], "format",
//    "kind",
//      "variant", "label", "tensor_count", "parameters", "bytes", "dtypes": {"F16": tensors},
//      "metadata": {}, "tensors": [{"name", "dtype", "shape", "bytes"}], "unmatched": [names],
//      "notes": [texts]}],
//    "other": [{"name", "class"}]   components without weights: scheduler, tokenizer; with
//      "missing": true where model_index.json names one whose folder is not there
//    "totals": {"tensors", "parameters", "bytes", "unmatched"}}
// "parameters" counts elements of floating-point tensors. Throws Error.
nlohmann::json inspect(const std::filesystem::path& path);

// The same for a terminal: a summary, then one line per tensor.
std::string format_report(const nlohmann::json& report);

// 1536 → "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace dream::weights
