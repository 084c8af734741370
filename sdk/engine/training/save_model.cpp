#include "sdk/engine/training/save_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/tensor/tensor_file.hpp"
#include "weights/store/files.hpp"
#include "weights/models/vae_names.hpp"
#include "weights/store/component_files.hpp"
#include "weights/store/write_tensors.hpp"

namespace dream::engine {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using weights::FileFormat;

constexpr std::uint64_t shard_bytes = 10'000'000'000;  // as save_pretrained splits files

std::vector<FileFormat> formats_of(std::string_view weights_format) {
  if (weights_format == "bin") return {FileFormat::torch_zip};
  if (weights_format == "safetensors") return {FileFormat::safetensors};
  if (weights_format == "both") return {FileFormat::torch_zip, FileFormat::safetensors};
  throw InvalidInput(fmt::format(
      "weights_format is \"{}\": allowed are bin, safetensors, both", weights_format));
}

bool is_trained_half(const std::string& component) {
  return component == "unet" || component == "text_encoder";
}

void replace(weights::WeightMap& tensors, const std::string& component,
             const NamedTensors& trained) {
  for (const auto& [name, tensor] : trained) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      throw std::runtime_error(
          fmt::format("{}: the base has no tensor \"{}\" to be replaced", component, name));
    }
    if (tensor.sizes() != at::IntArrayRef(found->second.shape)) {
      throw std::runtime_error(fmt::format(
          "{}: tensor \"{}\" has shape [{}], the base's [{}]", component, name,
          fmt::join(tensor.sizes(), ", "), fmt::join(found->second.shape, ", ")));
    }
    found->second = view_of(tensor);
  }
}

weights::WeightMap with_old_names(weights::WeightMap tensors) {
  weights::WeightMap renamed;
  for (auto& [name, view] : tensors) renamed.emplace(weights::old_vae_name(name), std::move(view));
  return renamed;
}

// transformers computes in the precision that the config names.
void state_half(const weights::ModelFolder& base, const std::string& component,
                const fs::path& folder) {
  json config = base.config(component);
  config.erase("dtype");
  config["torch_dtype"] = "float16";
  weights::write_json(folder / "config.json", config);
}

void write_text(const fs::path& path, std::string_view text) {
  weights::OutputFile file(path);
  file.write(text);
  file.commit();
}

std::string merge_line(const json& merge) {
  if (merge.is_string()) return merge.get<std::string>();
  return fmt::format("{} {}", merge.at(0).get<std::string>(), merge.at(1).get<std::string>());
}

// transformers before 5 read CLIP's tokenizer from these two files, which later ones leave out.
void add_vocabulary(const weights::ModelFolder& base, const fs::path& folder) {
  if (base.file("tokenizer", "vocab.json") && base.file("tokenizer", "merges.txt")) return;
  const auto file = base.file("tokenizer", "tokenizer.json");
  if (!file) return;
  const json model = weights::read_json_object(*file).at("model");
  write_text(folder / "vocab.json", model.at("vocab").dump());
  std::string merges = "#version: 0.2\n";
  for (const auto& merge : model.at("merges")) merges += merge_line(merge) + "\n";
  write_text(folder / "merges.txt", merges);
}

void write_component(const weights::ModelFolder& base, const std::string& component,
                     const NamedTensors& trained, const fs::path& folder,
                     const std::vector<FileFormat>& formats, std::vector<std::string>& notes) {
  weights::copy_other_files(base, component, folder);
  if (component == "tokenizer") add_vocabulary(base, folder);
  if (!base.has_weights(component)) return;
  auto tensors = base.weights(component);
  replace(tensors, component, trained);
  if (component == "vae") tensors = with_old_names(std::move(tensors));
  const auto dtype =
      is_trained_half(component) ? std::optional(weights::DType::f16) : std::nullopt;
  if (component == "text_encoder") state_half(base, component, folder);
  const auto all = weights::joined(tensors);
  for (const auto format : formats) {
    const auto stem = weights::weight_stem(base, component, format);
    std::vector<std::string> ignored;  // the same notes again
    auto& written = format == formats.front() ? notes : ignored;
    if (format == FileFormat::torch_zip)
      weights::write_tensors(folder / (stem + ".bin"), all, format, dtype, {}, written);
    else
      weights::write_shards(folder, stem, all, dtype, shard_bytes, {{"format", "pt"}}, written);
  }
}

// DDIM as the first DreamBooth trainers saved it, over the noise that the base was trained with.
json scheduler_config(const weights::ModelFolder& base) {
  json config = {{"_class_name", "DDIMScheduler"},
                 {"_diffusers_version", base.model_index().value("_diffusers_version", "0.10.0")},
                 {"num_train_timesteps", 1000},
                 {"beta_start", 0.00085},
                 {"beta_end", 0.012},
                 {"beta_schedule", "scaled_linear"},
                 {"trained_betas", nullptr},
                 {"clip_sample", false},
                 {"set_alpha_to_one", false},
                 {"steps_offset", 1},
                 {"prediction_type", "epsilon"}};
  if (!base.has("scheduler")) return config;
  const json own = base.config("scheduler");
  constexpr std::array kept = {"num_train_timesteps", "beta_start",      "beta_end",
                               "beta_schedule",       "trained_betas",   "prediction_type",
                               "timestep_spacing",    "rescale_betas_zero_snr"};
  for (const char* key : kept)
    if (own.contains(key)) config[key] = own[key];
  return config;
}

json model_index(const weights::ModelFolder& base) {
  json index = base.model_index();
  index.erase("_name_or_path");
  const json none = {nullptr, nullptr};
  for (const auto& component : base.components())
    if (!base.has(component)) index[component] = none;
  index["scheduler"] = {"diffusers", "DDIMScheduler"};
  index["safety_checker"] = none;
  if (!base.has("feature_extractor")) index["feature_extractor"] = none;
  index["requires_safety_checker"] = false;
  return index;
}

}  // namespace

std::vector<std::string> save_model(const weights::ModelFolder& base, const TrainedTensors& trained,
                                    const fs::path& folder, std::string_view weights_format) {
  const auto formats = formats_of(weights_format);
  for (const auto& [component, tensors] : trained)
    if (!base.has_weights(component))
      throw std::runtime_error(fmt::format("the base has no weights of \"{}\"", component));
  std::vector<std::string> notes;
  const NamedTensors nothing;
  for (const auto& component : base.components()) {
    if (!base.has(component) || component == "scheduler" || component == "safety_checker") continue;
    const auto found = trained.find(component);
    write_component(base, component, found == trained.end() ? nothing : found->second,
                    folder / component, formats, notes);
  }
  fs::create_directories(folder / "scheduler");
  weights::write_json(folder / "scheduler" / "scheduler_config.json", scheduler_config(base));
  weights::write_json(folder / "model_index.json", model_index(base));
  return notes;
}

}  // namespace dream::engine
