#include "weights/store/model_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "weights/formats/safetensors.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

class FolderSource final : public ModelSource {
 public:
  explicit FolderSource(fs::path root) : root_(std::move(root)) {}

  std::optional<FileBytes> file(const std::string& path) const override {
    std::error_code ignored;
    if (!fs::is_regular_file(root_ / path, ignored)) return std::nullopt;
    return map_file(root_ / path);
  }
  bool has_folder(std::string_view component) const override {
    std::error_code ignored;
    return fs::is_directory(root_ / component, ignored);
  }
  std::vector<std::string> names(std::string_view component) const override {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root_ / component, ignored)) {
      if (entry.is_regular_file(ignored)) found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::string where(const std::string& path) const override { return (root_ / path).string(); }

 private:
  fs::path root_;
};

class ZipSource final : public ModelSource {
 public:
  ZipSource(fs::path path, ZipArchive archive, std::string prefix)
      : path_(std::move(path)), archive_(std::move(archive)), prefix_(std::move(prefix)) {}

  std::optional<FileBytes> file(const std::string& path) const override {
    if (!archive_.has(prefix_ + path)) return std::nullopt;
    FileBytes bytes = archive_.read(prefix_ + path);
    bytes.name = where(path);
    return bytes;
  }
  bool has_folder(std::string_view component) const override {
    const std::string start = fmt::format("{}{}/", prefix_, component);
    const auto found = archive_.entries().lower_bound(start);
    return found != archive_.entries().end() && found->first.starts_with(start);
  }
  std::vector<std::string> names(std::string_view component) const override {
    const std::string start = fmt::format("{}{}/", prefix_, component);
    std::vector<std::string> found;
    const auto& entries = archive_.entries();
    for (auto entry = entries.lower_bound(start);
         entry != entries.end() && entry->first.starts_with(start); ++entry) {
      const std::string name = entry->first.substr(start.size());
      if (!name.empty() && name.find('/') == std::string::npos) found.push_back(name);
    }
    return found;
  }
  std::string where(const std::string& path) const override { return (path_ / path).string(); }

 private:
  fs::path path_;
  ZipArchive archive_;
  std::string prefix_;  // the archive's only folder, with its slash
};

}  // namespace

std::optional<std::string> model_prefix(const ZipArchive& archive) {
  constexpr std::string_view index = "model_index.json";
  if (archive.has(index)) return "";
  std::optional<std::string> found;
  for (const auto& [name, entry] : archive.entries()) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || std::string_view(name).substr(slash + 1) != index) continue;
    if (found) return std::nullopt;
    found = name.substr(0, slash + 1);
  }
  return found;
}

const std::vector<std::string>& weight_file_names() {
  static const std::vector<std::string> names = {
      "diffusion_pytorch_model.safetensors",
      "model.safetensors",
      "diffusion_pytorch_model.safetensors.index.json",
      "model.safetensors.index.json",
      "diffusion_pytorch_model.bin",
      "pytorch_model.bin",
      "diffusion_pytorch_model.bin.index.json",
      "pytorch_model.bin.index.json",
      "diffusion_pytorch_model.fp16.safetensors",
      "model.fp16.safetensors",
      "diffusion_pytorch_model.safetensors.index.fp16.json",
      "model.safetensors.index.fp16.json",
      "diffusion_pytorch_model.fp16.bin",
      "pytorch_model.fp16.bin"};
  return names;
}

std::optional<std::string> ModelSource::weight_file_of(const std::string& component) const {
  const std::vector<std::string> present = names(component);
  for (const std::string& name : weight_file_names()) {
    if (std::find(present.begin(), present.end(), name) != present.end())
      return component.empty() ? name : component + "/" + name;
  }
  return std::nullopt;
}

bool ModelSource::has_weights(const std::string& component) const {
  return weight_file_of(component).has_value();
}

std::optional<WeightFile> ModelSource::weights(const std::string& component) const {
  const std::optional<std::string> path = weight_file_of(component);
  if (!path) return std::nullopt;
  const FileBytes bytes = *file(*path);
  if (path->ends_with(".json")) {
    const std::string folder = component.empty() ? component : component + "/";
    return read_sharded_index(bytes,
                              [&](const std::string& shard) { return file(folder + shard); });
  }
  WeightFile result = read_weight_bytes(bytes);
  result.files.emplace_back(bytes.name);
  return result;
}

std::unique_ptr<ModelSource> open_folder_source(const fs::path& root) {
  return std::make_unique<FolderSource>(root);
}

std::unique_ptr<ModelSource> open_zip_source(const fs::path& path) {
  const FileBytes bytes = map_file(path);
  const std::string_view start(reinterpret_cast<const char*>(bytes.data.data()),
                               std::min<std::size_t>(bytes.data.size(), 4));
  if (start != "PK\x03\x04") return nullptr;
  ZipArchive archive = ZipArchive::open(bytes);
  const std::optional<std::string> prefix = model_prefix(archive);
  if (!prefix) return nullptr;
  return std::make_unique<ZipSource>(path, std::move(archive), *prefix);
}

}  // namespace dream::weights
