#include "weights/store/control_file.hpp"

#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "weights/formats/json_file.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/models/layout.hpp"
#include "weights/models/original_adapter.hpp"
#include "weights/models/original_configs.hpp"
#include "weights/models/original_names.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

bool is_weight_file(const fs::path& path) {
  const auto suffix = path.extension();
  return fs::is_regular_file(path) && (suffix == ".safetensors" || suffix == ".bin" ||
                                       suffix == ".pth" || suffix == ".pt" || suffix == ".ckpt");
}

// The weights of a folder: by diffusers' names, else the only weight file there.
fs::path weights_in(const fs::path& folder) {
  if (const auto named = find_weight_file(folder)) return *named;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_weight_file(entry.path())) files.push_back(entry.path());
  }
  if (files.size() == 1) return files.front();
  throw Error(fmt::format("{}: holds {} weight files, expected one", folder.string(),
                          files.empty() ? "no" : std::to_string(files.size())));
}

// Of a ControlNet in diffusers' names, by looking at it in those of the first code.
json controlnet_config_of(const WeightMap& tensors, const std::string& file) {
  const json published = {{"layers_per_block", 2},
                          {"conditioning_embedding_out_channels", {16, 32, 96, 256}}};
  WeightMap original;
  for (const auto& [name, view] : tensors)
    original[original_controlnet_name(name, published)] = view;
  return read_original_controlnet_config(original, "", file);
}

void convert_original_controlnet(ControlFile& control, const std::string& prefix,
                                 const std::string& file) {
  control.config = read_original_controlnet_config(control.tensors, prefix, file);
  WeightMap renamed;
  for (const auto& tensor : controlnet_layout(control.config)) {
    const auto name = prefix + original_controlnet_name(tensor.name, control.config);
    const auto found = control.tensors.find(name);
    if (found == control.tensors.end())
      throw Error(fmt::format("{}: lacks the tensor '{}' ({} of a ControlNet)", file, name,
                              tensor.name));
    renamed[tensor.name] = found->second;
  }
  control.tensors = std::move(renamed);
}

}  // namespace

ControlFile read_control_file(const fs::path& path) {
  const bool is_folder = fs::is_directory(path);
  const auto weights = is_folder ? weights_in(path) : path;
  const auto file = weights.string();
  ControlFile control;
  control.tensors = read_weight_file(weights).tensors;
  if (is_folder && fs::exists(path / "config.json"))
    control.config = read_json_object(path / "config.json");

  const auto has = [&](const char* name) { return control.tensors.contains(name); };
  constexpr const char* prefix = "control_model.";
  if (has("controlnet_mid_block.weight")) {
    if (control.config.is_null()) control.config = controlnet_config_of(control.tensors, file);
  } else if (has("control_model.input_hint_block.0.weight")) {
    convert_original_controlnet(control, prefix, file);
  } else if (has("input_hint_block.0.weight")) {
    convert_original_controlnet(control, "", file);
  } else if (has("style_embedding")) {
    control.kind = ControlFileKind::style_adapter;
  } else if (is_original_adapter(control.tensors)) {
    control.kind = ControlFileKind::adapter;
    control.config = convert_original_adapter(control.tensors, file);
  } else if (has("adapter.body.0.resnets.0.block1.weight")) {
    control.kind = ControlFileKind::adapter;
    if (control.config.is_null())
      throw Error(fmt::format("{}: is a T2I-Adapter without its config.json", file));
  } else {
    throw Error(fmt::format("{}: is neither a ControlNet nor a T2I-Adapter", file));
  }
  return control;
}

}  // namespace dream::weights
