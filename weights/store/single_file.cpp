#include "weights/store/single_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "weights/detect_kind.hpp"
#include "weights/formats/json_file.hpp"
#include "weights/formats/text.hpp"
#include "weights/models/architectures.hpp"
#include "weights/models/layout.hpp"
#include "weights/models/original_configs.hpp"
#include "weights/models/original_names.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::string_view epsilon = "epsilon";
constexpr std::string_view v_prediction = "v_prediction";
constexpr const char* base_model_step = "875000";  // of 512-base-ema.ckpt

struct Component {
  json config;
  WeightMap tensors;
};

bool holds_model(const WeightMap& tensors) {
  const auto any = [&](std::string_view prefix) {
    const auto found = tensors.lower_bound(prefix);
    return found != tensors.end() && found->first.starts_with(prefix);
  };
  return any(original_unet_prefix) && any(original_vae_prefix);
}

// `view` with the sizes that the layout asks for: a 1x1 convolution stands for a linear layer.
TensorView reshaped(TensorView view, const std::vector<std::int64_t>& shape,
                    const std::string& name, const std::string& file) {
  std::vector<std::int64_t> sizes = view.shape;
  while (sizes.size() > shape.size() && sizes.back() == 1) sizes.pop_back();
  if (sizes != shape)
    throw Error(fmt::format("{}: '{}' has the shape {}, expected {}", file, printable(name),
                            json(view.shape).dump(), json(shape).dump()));
  view.shape = shape;
  return view;
}

// Rows of the `part`-th third.
TensorView third(const TensorView& whole, int part) {
  TensorView view = whole;
  if (view.shape.empty() || view.shape[0] % 3 != 0) return view;  // the shape check reports it
  view.shape[0] /= 3;
  const std::size_t bytes = whole.bytes.size() / 3;
  view.bytes = whole.bytes.subspan(bytes * static_cast<std::size_t>(part), bytes);
  return view;
}

class SingleFileSource final : public ModelSource {
 public:
  SingleFileSource(fs::path path, const SingleFileOptions& options)
      : path_(std::move(path)), options_(options) {
    file_ = read_weight_file(path_);
    check_kind();
    const OriginalConfigs configs = read_original_configs(file_.tensors, path_.string());
    version_2_ = configs.version_2;
    const std::string prediction = prediction_type(configs);
    add_unet(configs.unet, prediction);
    add("vae", "AutoencoderKL", configs.vae, [&](const std::string& name) {
      const std::string original = original_vae_name(name, configs.vae);
      return OriginalTensor{std::string(original_vae_prefix) + original};
    });
    add("text_encoder", "CLIPTextModel", configs.text_encoder, [&](const std::string& name) {
      return version_2_ ? open_clip_tensor(name) : clip_tensor(name);
    });
    add_small_files(configs, prediction);
    add_notes();
  }

  std::optional<FileBytes> file(const std::string& path) const override {
    if (const auto found = texts_.find(path); found != texts_.end()) {
      const std::string& text = found->second;
      return FileBytes{std::as_bytes(std::span(text)), nullptr, where(path)};
    }
    if (path.starts_with("tokenizer/") && !options_.vocabulary.empty()) {
      const fs::path source = options_.vocabulary / path.substr(path.find('/') + 1);
      if (fs::is_regular_file(source)) return map_file(source);
    }
    return std::nullopt;
  }
  bool has_folder(std::string_view component) const override {
    return components_.contains(component) || component == "scheduler" ||
           (component == "tokenizer" && !options_.vocabulary.empty());
  }
  std::vector<std::string> names(std::string_view component) const override {
    if (component == "scheduler") return {"scheduler_config.json"};
    if (component == "tokenizer")
      return {"merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"};
    return {"config.json"};
  }
  std::string where(const std::string& path) const override { return (path_ / path).string(); }
  std::optional<WeightFile> weights(const std::string& component) const override {
    const auto found = components_.find(component);
    if (found == components_.end()) return std::nullopt;
    WeightFile part;
    part.format = file_.format;
    part.tensors = found->second.tensors;
    part.files = {path_};
    return part;
  }
  bool has_weights(const std::string& component) const override {
    return components_.contains(component);
  }
  std::vector<std::string> notes() const override { return notes_; }

 private:
  void check_kind() const {
    if (holds_model(file_.tensors)) return;
    const DetectedKind kind = detect_kind(file_.tensors);
    throw Error(fmt::format(
        "{}: holds no whole model ({}); weights are a diffusers folder, an output.zip or a "
        "single-file Stable Diffusion 1.x or 2.x checkpoint with its VAE",
        path_.string(), kind.kind == "unknown" ? "unknown tensors" : kind.label()));
  }

  std::string prediction_type(const OriginalConfigs& configs) {
    if (options_.prediction_type) return *options_.prediction_type;
    for (const char* key : {"modelspec.prediction_type", "modelspec.predict_key"}) {
      const auto found = file_.metadata.find(key);
      if (found == file_.metadata.end()) continue;
      return std::string(found->second.starts_with('v') ? v_prediction : epsilon);
    }
    fs::path yaml = path_;
    yaml.replace_extension(".yaml");
    if (std::ifstream stream(yaml); stream) {
      for (std::string line; std::getline(stream, line);) {
        if (line.find("parameterization:") != std::string::npos)
          return std::string(line.find("\"v\"") != std::string::npos ||
                                     line.find("'v'") != std::string::npos ||
                                     line.ends_with(" v")
                                 ? v_prediction
                                 : epsilon);
      }
      return std::string(epsilon);
    }
    if (!configs.version_2) return std::string(epsilon);
    const auto step = file_.metadata.find("global_step");
    const bool base = step != file_.metadata.end() && step->second == base_model_step;
    const std::string_view type = base || configs.inpainting ? epsilon : v_prediction;
    notes_.push_back(fmt::format(
        "{}: nothing in the file says what its UNet predicts; taken as {} (a {} beside it with "
        "'parameterization: \"v\"' or without that line says otherwise)",
        path_.string(), type, yaml.filename().string()));
    return std::string(type);
  }

  void add_unet(json config, const std::string& prediction) {
    config["sample_size"] = version_2_ && prediction == v_prediction ? 96 : 64;
    if (options_.ema && !file_.tensors.contains(
                            original_ema_name(original_unet_name("conv_in.weight", config))))
      throw Error(fmt::format("{}: holds no averaged UNet (model_ema.*)", path_.string()));
    add("unet", "UNet2DConditionModel", config, [&](const std::string& name) {
      const std::string original = original_unet_name(name, config);
      return OriginalTensor{options_.ema ? original_ema_name(original)
                                         : std::string(original_unet_prefix) + original};
    });
  }

  OriginalTensor clip_tensor(const std::string& name) const {
    std::string original = std::string(original_clip_prefix) + name;
    if (file_.tensors.contains(original)) return {original};
    constexpr std::string_view middle = "text_model.";
    return {std::string(original_clip_prefix) + name.substr(middle.size())};
  }
  static OriginalTensor open_clip_tensor(const std::string& name) {
    OriginalTensor original = original_open_clip_name(name);
    original.name.insert(0, original_open_clip_prefix);
    return original;
  }

  // Takes each tensor of the layout from the file under the name that `original` gives.
  template <typename Original>
  void add(const std::string& component, const std::string& class_name, const json& config,
           const Original& original) {
    Component& part = components_[component];
    part.config = config;
    for (const TensorShape& tensor : layout_of(class_name, config)) {
      const OriginalTensor source = original(tensor.name);
      const auto found = file_.tensors.find(source.name);
      if (found == file_.tensors.end())
        throw Error(fmt::format("{}: lacks the tensor '{}' ({} of the {})", path_.string(),
                                printable(source.name), printable(tensor.name), component));
      const TensorView view =
          source.part < 0 ? found->second : third(found->second, source.part);
      part.tensors[tensor.name] = reshaped(view, tensor.shape, source.name, path_.string());
    }
    texts_[component + "/config.json"] = config.dump(2);
  }

  void add_small_files(const OriginalConfigs& configs, const std::string& prediction) {
    json scheduler = find_architecture("sd15").scheduler;
    scheduler["prediction_type"] = prediction;
    texts_["scheduler/scheduler_config.json"] = scheduler.dump(2);
    json index = {{"_class_name", configs.inpainting ? "StableDiffusionInpaintPipeline"
                                                     : "StableDiffusionPipeline"},
                  {"_diffusers_version", scheduler["_diffusers_version"]},
                  {"unet", {"diffusers", "UNet2DConditionModel"}},
                  {"vae", {"diffusers", "AutoencoderKL"}},
                  {"text_encoder", {"transformers", "CLIPTextModel"}},
                  {"scheduler", {"diffusers", "PNDMScheduler"}},
                  {"tokenizer", {"transformers", "CLIPTokenizer"}},
                  {"safety_checker", {nullptr, nullptr}},
                  {"feature_extractor", {nullptr, nullptr}},
                  {"requires_safety_checker", false}};
    texts_["model_index.json"] = index.dump(2);
    if (options_.vocabulary.empty()) return;
    const std::string_view pad = find_architecture(version_2_ ? "sd21" : "sd15").pad_token;
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"})
      texts_[fmt::format("tokenizer/{}", name)] =
          with_pad_token(map_file(options_.vocabulary / name), pad);
  }

  void add_notes() {
    for (const std::string& note : file_.notes)
      notes_.push_back(fmt::format("{}: {}", path_.string(), note));
    const std::vector<std::string> unmatched = detect_kind(file_.tensors).unmatched;
    if (unmatched.empty()) return;
    notes_.push_back(fmt::format("{}: {} tensors belong to no part of the model and were left out, "
                                 "the first is '{}'",
                                 path_.string(), unmatched.size(), printable(unmatched.front())));
  }

  fs::path path_;
  SingleFileOptions options_;
  WeightFile file_;
  bool version_2_ = false;
  std::map<std::string, Component, std::less<>> components_;
  std::map<std::string, std::string> texts_;  // files that are made, by path
  std::vector<std::string> notes_;
};

}  // namespace

std::string with_pad_token(const FileBytes& json_file, std::string_view pad) {
  json config = read_json_object(json_file);
  config["pad_token"] = pad;
  return config.dump(2) + "\n";
}

bool is_single_file(const fs::path& path) {
  return holds_model(read_weight_file(path).tensors);
}

std::unique_ptr<ModelSource> open_single_file(const fs::path& path,
                                              const SingleFileOptions& options) {
  return std::make_unique<SingleFileSource>(path, options);
}

}  // namespace dream::weights
