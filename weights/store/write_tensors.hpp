// Weight files out of views: in either format, at another precision, in shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weights/store/single_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

enum class FileFormat { safetensors, torch_zip };

// What the ending of a file's name promises; nullopt for one that weights do not have.
std::optional<FileFormat> format_of(const std::filesystem::path& file);

std::vector<JoinedTensor> joined(const WeightMap& tensors);

// Writes one file. Floating-point tensors are rounded to `dtype` (f32, f16, bf16) where it is set;
// `notes` receives a line when finite values became infinite by that. Throws Error.
void write_tensors(const std::filesystem::path& path, const std::vector<JoinedTensor>& tensors,
                   FileFormat format, std::optional<DType> dtype,
                   const std::map<std::string, std::string>& metadata,
                   std::vector<std::string>& notes);

// Writes `<stem>.safetensors`, or when that would be larger than `shard_bytes`
// `<stem>-00001-of-0000N.safetensors` … with `<stem>.safetensors.index.json`, as diffusers does.
// Returns what was written. Throws Error.
std::vector<std::filesystem::path> write_shards(
    const std::filesystem::path& folder, const std::string& stem,
    const std::vector<JoinedTensor>& tensors, std::optional<DType> dtype, std::uint64_t shard_bytes,
    const std::map<std::string, std::string>& metadata, std::vector<std::string>& notes);

}  // namespace dream::weights
