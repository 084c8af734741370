#include "weights/store/component_files.hpp"

#include <nlohmann/json.hpp>

#include "weights/formats/output_file.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

bool is_weight_name(const std::string& name) {
  return format_of(name).has_value() || name.ends_with(".safetensors.index.json") ||
         name.ends_with(".bin.index.json");
}

void write_file(const fs::path& path, const FileBytes& bytes) {
  OutputFile file(path);
  file.write(bytes.data);
  file.commit();
}

}  // namespace

std::string weight_stem(const ModelFolder& model, const std::string& component, FileFormat format) {
  const nlohmann::json& library = model.model_index().at(component).at(0);
  if (library == "diffusers") return "diffusion_pytorch_model";
  return format == FileFormat::torch_zip ? "pytorch_model" : "model";
}

void copy_other_files(const ModelFolder& model, const std::string& component,
                      const fs::path& folder) {
  fs::create_directories(folder);
  for (const std::string& name : model.file_names(component)) {
    if (model.has_weights(component) && is_weight_name(name)) continue;
    write_file(folder / name, *model.file(component, name));
  }
}

}  // namespace dream::weights
