#include "weights/verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "weights/formats/float_bits.hpp"
#include "weights/formats/json_file.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/models/layout.hpp"
#include "weights/models/vae_names.hpp"
#include "weights/sha256.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> known_classes = {"UNet2DConditionModel",
                                                           "ControlNetModel", "AutoencoderKL",
                                                           "CLIPTextModel"};

struct NonFinite {
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;

  void add(double value) {
    nan += std::isnan(value) ? 1 : 0;
    inf += std::isinf(value) ? 1 : 0;
  }
};

template <class T, class Convert>
void count(const TensorView& tensor, NonFinite& counts, Convert convert) {
  for (std::size_t at = 0; at + sizeof(T) <= tensor.bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + at, sizeof(T));  // views may be unaligned
    counts.add(convert(value));
  }
}

void count_non_finite(const TensorView& tensor, NonFinite& counts) {
  const auto same = [](auto value) { return static_cast<double>(value); };
  if (tensor.dtype == DType::f64) count<double>(tensor, counts, same);
  if (tensor.dtype == DType::f32) count<float>(tensor, counts, same);
  if (tensor.dtype == DType::f16) count<std::uint16_t>(tensor, counts, from_fp16);
  if (tensor.dtype == DType::bf16) count<std::uint16_t>(tensor, counts, from_bf16);
  release_pages(tensor);
}

bool is_buffer(std::string_view name) {
  return name.ends_with("position_ids");
}

void compare(const WeightMap& tensors, const std::vector<TensorShape>& layout, json& out) {
  std::map<std::string, const TensorView*, std::less<>> found;
  for (const auto& [name, tensor] : tensors) found.emplace(current_vae_name(name), &tensor);
  for (const TensorShape& expected : layout) {
    const auto entry = found.find(expected.name);
    if (entry == found.end()) {
      out["missing"].push_back(expected.name);
      continue;
    }
    if (entry->second->shape != expected.shape)
      out["wrong_shape"].push_back(fmt::format("{} is [{}], expected [{}]", expected.name,
                                               fmt::join(entry->second->shape, ", "),
                                               fmt::join(expected.shape, ", ")));
    found.erase(entry);
  }
  for (const auto& [name, tensor] : found)
    if (!is_buffer(name)) out["unexpected"].push_back(name);
}

// `load` gives the tensors; `config` the component's config, or null where it has none.
template <class Load, class Config>
json check_component(const std::string& name, const std::string& class_name, Load load,
                     Config config) {
  json out = {{"name", name}, {"class", class_name}, {"ok", false}, {"checked", false},
              {"tensors", 0}, {"missing", json::array()}, {"unexpected", json::array()},
              {"wrong_shape", json::array()}, {"nan", 0}, {"inf", 0}};
  try {
    const WeightMap tensors = load();
    NonFinite counts;
    for (const auto& [tensor_name, tensor] : tensors) count_non_finite(tensor, counts);
    out["tensors"] = tensors.size();
    out["nan"] = counts.nan;
    out["inf"] = counts.inf;
    if (std::ranges::find(known_classes, class_name) != known_classes.end()) {
      compare(tensors, layout_of(class_name, config()), out);
      out["checked"] = true;
    }
    out["ok"] = !tensors.empty() && out["missing"].empty() && out["wrong_shape"].empty() &&
                counts.nan == 0 && counts.inf == 0;
    if (tensors.empty()) out["error"] = "holds no tensors";
  } catch (const std::exception& error) {
    out["error"] = error.what();
  }
  return out;
}

bool is_without_weights(std::string_view class_name) {
  for (const std::string_view part : {"Scheduler", "Tokenizer", "Processor", "FeatureExtractor"})
    if (class_name.find(part) != std::string_view::npos) return true;
  return false;
}

json check_model(const fs::path& path) {
  const ModelFolder model = ModelFolder::open(path);
  json components = json::array();
  for (const std::string& name : model.components()) {
    const std::string class_name = model.class_name(name);
    if (is_without_weights(class_name)) continue;
    components.push_back(check_component(
        name, class_name, [&] { return model.weights(name); },
        [&] { return model.config(name); }));
  }
  return components;
}

std::string class_of(const json& config) {
  const auto name = config.find("_class_name");
  if (name != config.end() && name->is_string()) return name->get<std::string>();
  const auto list = config.find("architectures");
  const bool named = list != config.end() && list->is_array() && !list->empty() &&
                     list->front().is_string();
  return named ? list->front().get<std::string>() : "";
}

bool looks_like_weights(const fs::path& path) {
  for (const char* suffix : {".safetensors", ".bin", ".ckpt", ".pt", ".pth"})
    if (path.extension() == suffix) return true;
  return false;
}

json check_file(const fs::path& file, const fs::path& root) {
  const std::string name =
      file == root ? file.filename().string() : file.lexically_relative(root).string();
  return check_component(
      name, "", [&] { return read_weight_file(file).tensors; }, [] { return json(); });
}

// A checkpoint that holds a model is compared part by part.
json check_any_file(const fs::path& file, const fs::path& root) {
  try {
    if (ModelFolder::is_model(file)) return check_model(file);
  } catch (const std::exception&) {
    // check_file says what is wrong with it
  }
  return json::array({check_file(file, root)});
}

json check_folder(const fs::path& folder) {
  if (ModelFolder::is_model(folder)) return check_model(folder);
  const auto file = find_weight_file(folder);
  if (file && fs::is_regular_file(folder / "config.json")) {
    const json config = read_json_object(folder / "config.json");
    return json::array({check_component(
        "", class_of(config),
        [&] {
          WeightMap tensors = read_weight_file(*file).tensors;
          if (class_of(config) == "CLIPTextModel") add_text_model_prefix(tensors, file->string());
          return tensors;
        },
        [&] { return config; })});
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && looks_like_weights(entry.path())) files.push_back(entry.path());
  std::ranges::sort(files);
  json components = json::array();
  for (const fs::path& path : files)
    for (json& component : check_any_file(path, folder)) components.push_back(std::move(component));
  return components;
}

json check_record(const fs::path& folder) {
  json files = json::array();
  const fs::path path = folder / pull_record_name;
  if (!fs::is_regular_file(path)) return files;
  const json record = read_json_object(path);
  for (const json& entry : record.value("files", json::array())) {
    const std::string name = entry.value("path", "");
    const std::string expected = entry.value("sha256", "");
    std::string found;
    try {
      found = sha256_of_file(folder / name);
    } catch (const Error&) {
    }
    files.push_back(
        {{"path", name}, {"ok", found == expected}, {"sha256", found}, {"expected", expected}});
  }
  return files;
}

void add_names(std::string& out, const json& names, std::string_view what) {
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i)
    out += fmt::format("    {}: {}\n", what, names[i].get<std::string>());
  if (names.size() > shown) out += fmt::format("    {}: and {} more\n", what, names.size() - shown);
}

}  // namespace

json verify(const fs::path& path) {
  const bool folder = fs::is_directory(path);
  json report = {{"path", path.string()}, {"ok", true}};
  report["components"] = folder ? check_folder(path) : check_any_file(path, path);
  report["files"] = folder ? check_record(path) : json::array();
  if (report["components"].empty() && report["files"].empty())
    throw Error(fmt::format("{}: holds no weights", path.string()));
  for (const char* list : {"components", "files"})
    for (const json& entry : report[list])
      if (!entry["ok"].get<bool>()) report["ok"] = false;
  return report;
}

std::string format_verify_report(const json& report) {
  std::string out;
  for (const json& part : report["components"]) {
    out += fmt::format("{:4} {} {}: {} tensors{}\n", part["ok"].get<bool>() ? "ok" : "BAD",
                       part["name"].get<std::string>(), part["class"].get<std::string>(),
                       part["tensors"].get<std::uint64_t>(),
                       part["checked"].get<bool>() ? ", compared with their layout" : "");
    if (part.contains("error"))
      out += fmt::format("    {}\n", part["error"].get<std::string>());
    add_names(out, part["missing"], "missing");
    add_names(out, part["wrong_shape"], "wrong shape");
    add_names(out, part["unexpected"], "unexpected");
    for (const char* kind : {"nan", "inf"})
      if (const auto values = part[kind].get<std::uint64_t>(); values != 0)
        out += fmt::format("    {} values are {}\n", values, kind);
  }
  for (const json& file : report["files"])
    out += fmt::format("{:4} {}: {}\n", file["ok"].get<bool>() ? "ok" : "BAD",
                       file["path"].get<std::string>(),
                       file["ok"].get<bool>() ? "sha256 as pulled"
                       : file["sha256"].get<std::string>().empty()
                           ? "cannot be read"
                           : fmt::format("sha256 is {}, was {}", file["sha256"].get<std::string>(),
                                         file["expected"].get<std::string>()));
  return out + fmt::format("{}: {}\n", report["path"].get<std::string>(),
                           report["ok"].get<bool>() ? "whole" : "damaged");
}

}  // namespace dream::weights
