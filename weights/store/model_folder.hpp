// A diffusers folder (`save_pretrained` tree): model_index.json, one folder per component with
// config.json and weights, and the optional args.json a trainer leaves.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "weights/tensor_view.hpp"

namespace dream::weights {

// The weight file of a component folder: full safetensors (one file, then a sharded index), then
// the fp16 variant, then `.bin` in the same order. nullopt when there is none.
std::optional<std::filesystem::path> find_weight_file(const std::filesystem::path& folder);

// Gives CLIP text encoder tensors the `text_model.` prefix where it lacks: transformers 5 saves
// without it, published files carry it. `file` is the name in messages. Throws Error when a tensor
// is there under both names.
void add_text_model_prefix(WeightMap& tensors, const std::string& file);

class ModelFolder {
 public:
  // Reads and checks model_index.json. Throws Error that names the missing or malformed file.
  static ModelFolder open(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  const nlohmann::json& model_index() const { return model_index_; }
  // args.json of a trainer, e.g. {"instance_prompt": "..."}; nullopt when absent.
  const std::optional<nlohmann::json>& args() const { return args_; }

  // True when model_index names the component and its folder exists.
  bool has(std::string_view component) const;
  // Folder of a component, e.g. "tokenizer". Throws Error when absent.
  std::filesystem::path folder(std::string_view component) const;
  // config.json (scheduler: scheduler_config.json) of a component. Throws Error.
  nlohmann::json config(std::string_view component) const;
  // Tensors of a component with diffusers names; `text_encoder` tensors always carry the
  // `text_model.` prefix, whether or not the file does. Prefers safetensors over .bin. Throws
  // Error.
  WeightMap weights(std::string_view component) const;
  // Class that model_index names for a component, e.g. "PNDMScheduler"; empty when it names none.
  std::string class_name(std::string_view component) const;

 private:
  std::filesystem::path root_;
  nlohmann::json model_index_;
  std::optional<nlohmann::json> args_;
};

}  // namespace dream::weights
