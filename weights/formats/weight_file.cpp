#include "weights/formats/weight_file.hpp"

#include <fmt/core.h>

#include "weights/formats/safetensors.hpp"
#include "weights/formats/torch_legacy.hpp"
#include "weights/formats/torch_zip.hpp"

namespace dream::weights {
namespace {

std::string_view head(std::span<const std::byte> data) {
  const auto* text = reinterpret_cast<const char*>(data.data());
  return {text, std::min<std::size_t>(data.size(), 64)};
}

bool is_json_object(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

// Names what a file is when it is not one of ours, since that is nearly always the useful answer.
std::string_view name_foreign_format(std::string_view start) {
  if (start.empty()) return "is empty";
  if (start.starts_with("version https://git-lfs"))
    return "is a git-lfs pointer, not the file itself: run 'git lfs pull'";
  if (start.starts_with("GGUF")) return "is a GGUF file, which is not supported";
  if (start.starts_with("\x89HDF")) return "is an HDF5 file, which is not supported";
  if (start.starts_with("\x93NUMPY")) return "is a numpy file, which is not supported";
  if (start.starts_with("\x1f\x8b")) return "is gzip-compressed: unpack it first";
  if (start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5)
    return "is a pickle that torch.save did not write";
  if (start.starts_with("<!DOCTYPE") || start.starts_with("<!doctype") ||
      start.starts_with("<html"))
    return "is an HTML page, probably what a failed download left";
  return "is not a weight file (safetensors, or a file of torch.save)";
}

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::safetensors:
      return "safetensors";
    case Format::torch_zip:
      return "torch-zip";
    case Format::torch_legacy:
      return "torch-legacy";
  }
  return "unknown";
}

WeightFile read_weight_bytes(const FileBytes& bytes) {
  const std::string_view start = head(bytes.data);
  if (looks_like_safetensors(bytes.data)) return read_safetensors(bytes);
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06"))
    return read_torch_zip(bytes);
  if (looks_like_torch_legacy(bytes.data)) return read_torch_legacy(bytes);
  throw Error(fmt::format("{}: {}", bytes.name, name_foreign_format(start)));
}

WeightFile read_weight_file(const std::filesystem::path& path) {
  const FileBytes bytes = map_file(path);
  if (!looks_like_safetensors(bytes.data) && is_json_object(head(bytes.data)))
    return read_sharded_index(bytes, [&](const std::string& shard) -> std::optional<FileBytes> {
      const std::filesystem::path file = path.parent_path() / shard;
      if (!std::filesystem::exists(file)) return std::nullopt;
      return map_file(file);
    });
  WeightFile result = read_weight_bytes(bytes);
  result.files.push_back(path);
  return result;
}

}  // namespace dream::weights
