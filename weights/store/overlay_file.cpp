#include "weights/store/overlay_file.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "weights/formats/weight_file.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {
namespace {

// What diffusers calls a LoRA's file, and our trainer in its output.zip.
constexpr std::string_view lora_name = "pytorch_lora_weights.safetensors";

bool is_zip(const FileBytes& bytes) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data.data()),
                               std::min<std::size_t>(bytes.data.size(), 4));
  return start == "PK\3\4";
}

WeightFile read(const std::filesystem::path& path) {
  const FileBytes bytes = map_file(path);
  if (is_zip(bytes)) {  // torch.save writes archives too
    const auto archive = ZipArchive::open(bytes);
    if (archive.has(lora_name)) return read_weight_bytes(archive.read(lora_name));
  }
  return read_weight_file(path);
}

}  // namespace

OverlayFile read_overlay_file(const std::filesystem::path& path) {
  auto file = read(path);
  return {std::move(file.tensors), std::move(file.metadata), std::move(file.texts)};
}

}  // namespace dream::weights
