// A model as diffusers' `save_pretrained` tree: model_index.json, one folder per component with
// config.json and weights, and the optional args.json a trainer leaves. It may lie in a folder, in
// an `output.zip` or in a single-file checkpoint, which is read as the folder it stands for.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/store/single_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

class ModelSource;

// The weight file of a component folder: full safetensors (one file, then a sharded index), then
// the fp16 variant, then `.bin` in the same order. nullopt when there is none.
std::optional<std::filesystem::path> find_weight_file(const std::filesystem::path& folder);

// Gives CLIP text encoder tensors the `text_model.` prefix where it lacks: transformers 5 saves
// without it, published files carry it. `file` is the name in messages. Throws Error when a tensor
// is there under both names.
void add_text_model_prefix(WeightMap& tensors, const std::string& file);

class ModelFolder {
 public:
  // Reads and checks model_index.json, or what a single file implies. Throws Error that names the
  // missing or malformed file.
  static ModelFolder open(const std::filesystem::path& root, const SingleFileOptions& options = {});
  // True for a folder with model_index.json, an output.zip and a single-file checkpoint. Throws
  // Error only for files that cannot be read.
  static bool is_model(const std::filesystem::path& path);

  const std::filesystem::path& root() const { return root_; }
  const nlohmann::json& model_index() const { return model_index_; }
  // args.json of a trainer, e.g. {"instance_prompt": "..."}; nullopt when absent.
  const std::optional<nlohmann::json>& args() const { return args_; }
  // What the user should know of how the files were read.
  std::vector<std::string> notes() const;

  // True when model_index names the component and its folder exists.
  bool has(std::string_view component) const;
  // What messages call a component's folder. Throws Error when absent.
  std::string where(std::string_view component) const;
  // A file of a component, e.g. ("tokenizer", "vocab.json"); nullopt when it has none of that name.
  // Throws Error when the component is absent.
  std::optional<FileBytes> file(std::string_view component, const std::string& name) const;
  // Names of the files of a component, ordered.
  std::vector<std::string> file_names(std::string_view component) const;
  // config.json (scheduler: scheduler_config.json, feature_extractor: preprocessor_config.json) of
  // a component. Throws Error.
  nlohmann::json config(std::string_view component) const;
  // True when the component's folder holds a weight file, whole or not.
  bool has_weights(std::string_view component) const;
  // Tensors of a component with diffusers names; `text_encoder` tensors always carry the
  // `text_model.` prefix, whether or not the file does. Prefers safetensors over .bin. Throws
  // Error.
  WeightMap weights(std::string_view component) const { return read(component).tensors; }
  // The same with what is known of the file.
  WeightFile read(std::string_view component) const;
  // Class that model_index names for a component, e.g. "PNDMScheduler"; empty when it names none.
  std::string class_name(std::string_view component) const;
  // The names that model_index.json holds a class for, ordered.
  std::vector<std::string> components() const;

 private:
  std::filesystem::path root_;
  std::shared_ptr<const ModelSource> source_;
  nlohmann::json model_index_;
  std::optional<nlohmann::json> args_;
};

}  // namespace dream::weights
