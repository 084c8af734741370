#include "weights/store/model_folder.hpp"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

#include "weights/formats/json_file.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/weight_file.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 14> weight_file_names = {
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.bin",
    "pytorch_model.fp16.bin"};

// Component names come from JSON and become folder names.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Tensors at the root of a CLIPTextModel, as opposed to beside it (text_projection, logit_scale).
bool is_inner_text_model_name(std::string_view name) {
  return name.starts_with("embeddings.") || name.starts_with("encoder.") ||
         name.starts_with("final_layer_norm.");
}

}  // namespace

std::optional<fs::path> find_weight_file(const fs::path& folder) {
  for (const char* name : weight_file_names) {
    if (is_file(folder / name)) return folder / name;
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

ModelFolder ModelFolder::open(const fs::path& root) {
  if (!fs::exists(root)) throw Error(fmt::format("{}: no such folder", root.string()));
  if (!is_folder(root))
    throw Error(
        fmt::format("{}: is not a folder, expected one with model_index.json", root.string()));
  const fs::path index = root / "model_index.json";
  if (!is_file(index))
    throw Error(fmt::format("{}: is missing, so {} is not a diffusers model folder", index.string(),
                            root.string()));
  ModelFolder folder;
  folder.root_ = root;
  folder.model_index_ = read_json_object(index);
  if (const fs::path args = root / "args.json"; is_file(args))
    folder.args_ = read_json_object(args);
  return folder;
}

std::string ModelFolder::class_name(std::string_view component) const {
  const auto entry = model_index_.find(component);
  if (entry == model_index_.end() || !entry->is_array() || entry->size() != 2) return {};
  const nlohmann::json& name = entry->at(1);
  return name.is_string() ? name.get<std::string>() : std::string{};
}

bool ModelFolder::has(std::string_view component) const {
  return is_plain_name(component) && !class_name(component).empty() && is_folder(root_ / component);
}

fs::path ModelFolder::folder(std::string_view component) const {
  if (!is_plain_name(component))
    throw Error(
        fmt::format("{}: '{}' is not a component name", root_.string(), printable(component)));
  if (class_name(component).empty())
    throw Error(fmt::format("{}: names no component '{}'", (root_ / "model_index.json").string(),
                            printable(component)));
  const fs::path path = root_ / component;
  if (!is_folder(path))
    throw Error(
        fmt::format("{}: folder is missing, although model_index.json names it", path.string()));
  return path;
}

nlohmann::json ModelFolder::config(std::string_view component) const {
  const char* name = component == "scheduler" ? "scheduler_config.json" : "config.json";
  return read_json_object(folder(component) / name);
}

WeightMap ModelFolder::weights(std::string_view component) const {
  const fs::path path = folder(component);
  const std::optional<fs::path> file = find_weight_file(path);
  if (!file)
    throw Error(
        fmt::format("{}: holds no weights (looked for {}, {}, their fp16 and sharded "
                    "variants, and .bin)",
                    path.string(), weight_file_names[0], weight_file_names[1]));
  WeightMap tensors = read_weight_file(*file).tensors;
  if (component == "text_encoder") add_text_model_prefix(tensors, file->string());
  return tensors;
}

}  // namespace dream::weights
