#include "weights/store/model_folder.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "weights/formats/json_file.hpp"
#include "weights/formats/text.hpp"
#include "weights/store/model_source.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

constexpr const char* index_name = "model_index.json";

// Component names come from JSON and become folder names.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

// Tensors at the root of a CLIPTextModel, as opposed to beside it (text_projection, logit_scale).
bool is_inner_text_model_name(std::string_view name) {
  return name.starts_with("embeddings.") || name.starts_with("encoder.") ||
         name.starts_with("final_layer_norm.");
}

std::shared_ptr<const ModelSource> open_source(const fs::path& root,
                                               const SingleFileOptions& options) {
  if (fs::is_directory(root)) return open_folder_source(root);
  if (auto zip = open_zip_source(root)) return zip;
  return open_single_file(root, options);
}

}  // namespace

std::optional<fs::path> find_weight_file(const fs::path& folder) {
  std::error_code ignored;
  for (const std::string& name : weight_file_names()) {
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

void add_text_model_prefix(WeightMap& tensors, const std::string& file) {
  for (auto current = tensors.begin(); current != tensors.end();) {
    const auto next = std::next(current);
    if (is_inner_text_model_name(current->first)) {
      auto node = tensors.extract(current);
      node.key() = "text_model." + node.key();
      if (const auto result = tensors.insert(std::move(node)); !result.inserted)
        throw Error(fmt::format("{}: holds '{}' with and without the prefix 'text_model.'", file,
                                printable(result.position->first)));
    }
    current = next;
  }
}

bool ModelFolder::is_model(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fs::is_regular_file(path / index_name, ignored);
  return open_zip_source(path) != nullptr || is_single_file(path);
}

ModelFolder ModelFolder::open(const fs::path& root, const SingleFileOptions& options) {
  if (!fs::exists(root)) throw Error(fmt::format("{}: no such file or folder", root.string()));
  ModelFolder folder;
  folder.root_ = root;
  folder.source_ = open_source(root, options);
  const std::optional<FileBytes> index = folder.source_->file(index_name);
  if (!index)
    throw Error(fmt::format("{}: is missing, so {} is not a diffusers model folder",
                            folder.source_->where(index_name), root.string()));
  folder.model_index_ = read_json_object(*index);
  if (const auto args = folder.source_->file("args.json")) folder.args_ = read_json_object(*args);
  return folder;
}

std::vector<std::string> ModelFolder::notes() const {
  return source_->notes();
}

std::string ModelFolder::class_name(std::string_view component) const {
  const auto entry = model_index_.find(component);
  if (entry == model_index_.end() || !entry->is_array() || entry->size() != 2) return {};
  const nlohmann::json& name = entry->at(1);
  return name.is_string() ? name.get<std::string>() : std::string{};
}

std::vector<std::string> ModelFolder::components() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : model_index_.items()) {
    if (!name.starts_with('_') && !class_name(name).empty()) names.push_back(name);
  }
  return names;
}

bool ModelFolder::has(std::string_view component) const {
  return is_plain_name(component) && !class_name(component).empty() &&
         source_->has_folder(component);
}

std::string ModelFolder::where(std::string_view component) const {
  if (!is_plain_name(component))
    throw Error(
        fmt::format("{}: '{}' is not a component name", root_.string(), printable(component)));
  if (class_name(component).empty())
    throw Error(fmt::format("{}: names no component '{}'", source_->where(index_name),
                            printable(component)));
  const std::string path = source_->where(std::string(component));
  if (!source_->has_folder(component))
    throw Error(fmt::format("{}: folder is missing, although model_index.json names it", path));
  return path;
}

std::optional<FileBytes> ModelFolder::file(std::string_view component,
                                           const std::string& name) const {
  where(component);
  return source_->file(fmt::format("{}/{}", component, name));
}

std::vector<std::string> ModelFolder::file_names(std::string_view component) const {
  where(component);
  return source_->names(component);
}

nlohmann::json ModelFolder::config(std::string_view component) const {
  const char* name = component == "scheduler"           ? "scheduler_config.json"
                     : component == "feature_extractor" ? "preprocessor_config.json"
                                                        : "config.json";
  const std::string path = where(component) + "/" + name;
  const std::optional<FileBytes> bytes = file(component, name);
  if (!bytes) throw Error(fmt::format("{}: no such file", path));
  return read_json_object(*bytes);
}

bool ModelFolder::has_weights(std::string_view component) const {
  return has(component) && source_->has_weights(std::string(component));
}

WeightFile ModelFolder::read(std::string_view component) const {
  const std::string path = where(component);
  std::optional<WeightFile> read = source_->weights(std::string(component));
  if (!read)
    throw Error(
        fmt::format("{}: holds no weights (looked for {}, {}, their fp16 and sharded "
                    "variants, and .bin)",
                    path, weight_file_names()[0], weight_file_names()[1]));
  if (component == "text_encoder") add_text_model_prefix(read->tensors, path);
  return std::move(*read);
}

}  // namespace dream::weights
