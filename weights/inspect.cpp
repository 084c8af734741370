#include "weights/inspect.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "weights/detect_kind.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/store/model_folder.hpp"
#include "weights/store/model_source.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

bool is_floating_point(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

json describe_component(const std::string& name, const WeightFile& weights, const fs::path& root) {
  const DetectedKind kind = detect_kind(weights.tensors);
  json tensors = json::array();
  json dtypes = json::object();
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  for (const auto& [tensor_name, tensor] : weights.tensors) {
    const std::string dtype(to_string(tensor.dtype));
    tensors.push_back({{"name", tensor_name},
                       {"dtype", dtype},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes.size()}});
    dtypes[dtype] = dtypes.value(dtype, 0) + 1;
    if (is_floating_point(tensor.dtype)) parameters += tensor.element_count();
    bytes += tensor.bytes.size();
  }
  json files = json::array();
  for (const fs::path& part : weights.files) {
    const fs::path shown = part == root ? part.filename() : part.lexically_relative(root);
    files.push_back(printable(shown.string(), 4096));
  }
  return {{"name", name},
          {"files", std::move(files)},
          {"format", to_string(weights.format)},
          {"kind", kind.kind},
          {"variant", kind.variant},
          {"label", kind.label()},
          {"tensor_count", weights.tensors.size()},
          {"parameters", parameters},
          {"bytes", bytes},
          {"dtypes", std::move(dtypes)},
          {"metadata", weights.metadata},
          {"tensors", std::move(tensors)},
          {"unmatched", kind.unmatched},
          {"notes", weights.notes}};
}

void inspect_model_folder(const fs::path& path, json& report) {
  const ModelFolder folder = ModelFolder::open(path);
  if (const auto name = folder.model_index().find("_class_name");
      name != folder.model_index().end() && name->is_string())
    report["class"] = *name;
  for (const std::string& component : folder.components()) {
    const std::string class_name = folder.class_name(component);
    if (!folder.has(component)) {
      report["other"].push_back({{"name", component}, {"class", class_name}, {"missing", true}});
      continue;
    }
    if (folder.has_weights(component)) {
      json entry = describe_component(component, folder.read(component), path);
      entry["class"] = class_name;
      report["components"].push_back(std::move(entry));
    } else {
      report["other"].push_back({{"name", component}, {"class", class_name}});
    }
  }
}

// A component's folder has one of the usual names, a LoRA's folder a single file of any name.
fs::path find_only_weight_file(const fs::path& folder) {
  if (const auto file = find_weight_file(folder)) return *file;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string suffix = entry.path().extension().string();
    if (suffix == ".safetensors" || suffix == ".bin" || suffix == ".pt" || suffix == ".pth" ||
        suffix == ".ckpt")
      found.push_back(entry.path());
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    throw Error(
        fmt::format("{}: holds neither model_index.json nor a weight file", folder.string()));
  throw Error(fmt::format("{}: holds {} weight files and no model_index.json: name one of them",
                          folder.string(), found.size()));
}

}  // namespace

json inspect(const fs::path& path) {
  if (!fs::exists(path)) throw Error(fmt::format("{}: no such file or folder", path.string()));
  const bool is_folder = fs::is_directory(path);
  json report = {{"path", printable(path.string(), 4096)},
                 {"type", is_folder ? "folder" : "file"},
                 {"components", json::array()},
                 {"other", json::array()}};
  const bool is_model = is_folder ? fs::exists(path / "model_index.json")
                                  : open_zip_source(path) != nullptr;
  if (is_model) {
    inspect_model_folder(path, report);
  } else {
    const fs::path file = is_folder ? find_only_weight_file(path) : path;
    report["components"].push_back(describe_component("", read_weight_file(file), path));
  }
  json totals = {{"tensors", 0}, {"parameters", 0}, {"bytes", 0}, {"unmatched", 0}};
  const auto add = [&](const char* total, std::uint64_t value) {
    totals[total] = totals[total].get<std::uint64_t>() + value;
  };
  for (const json& component : report["components"]) {
    add("tensors", component["tensor_count"].get<std::uint64_t>());
    add("parameters", component["parameters"].get<std::uint64_t>());
    add("bytes", component["bytes"].get<std::uint64_t>());
    add("unmatched", component["unmatched"].size());
  }
  report["totals"] = std::move(totals);
  return report;
}

}  // namespace dream::weights
