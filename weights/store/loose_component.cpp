#include "weights/store/loose_component.hpp"

#include <fmt/core.h>

#include "weights/formats/json_file.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::weights {
namespace fs = std::filesystem;

LooseComponent read_loose_component(const fs::path& path) {
  LooseComponent component;
  if (!fs::is_directory(path)) {
    component.tensors = read_weight_file(path).tensors;
    return component;
  }
  const auto file = find_weight_file(path);
  if (!file) throw Error(fmt::format("{}: holds no weights", path.string()));
  component.config = read_json_object(path / "config.json");
  if (const auto beside = path / "preprocessor_config.json"; fs::exists(beside))
    component.preprocessor = read_json_object(beside);
  component.tensors = read_weight_file(*file).tensors;
  return component;
}

}  // namespace dream::weights
