#include "sdk/engine/pipeline/control_models.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "weights/store/control_file.hpp"
#include "weights/store/loose_component.hpp"
#include "weights/store/model_store.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;
using Loaded = std::shared_ptr<const ControlModel>;

// A network with a config of its own.
template <class Control, class Model, class ReadConfig>
Loaded load_network(weights::ControlFile file, const std::string& place,
                    const ReadConfig& read_config, const Compute& compute, const Warn& warn) {
  const auto config = read_config({std::move(file.config), place + ": config.json"}, warn);
  const Weights weights(std::move(file.tensors), place, compute);
  Model model(config, weights);
  weights.report_unused(warn);
  return std::make_shared<const Control>(std::move(model), weights.bytes());
}

// The config of a vision encoder, alone or in that of a whole CLIP.
nlohmann::json vision_config(const nlohmann::json& config) {
  const auto found = config.find("vision_config");
  return found != config.end() && found->is_object() ? *found : config;
}

Loaded load_style_adapter(weights::ControlFile file, const std::string& place,
                          const fs::path& clip_vision, const Compute& compute, const Warn& warn) {
  if (!fs::is_directory(clip_vision)) {
    const weights::ModelStore store(clip_vision.parent_path());
    throw std::runtime_error(fmt::format(
        "{}: a style adapter needs CLIP's vision encoder; {}", place,
        store.missing_weights("clip-vit-large-patch14/model.safetensors",
                              "clip-vit-large-patch14")));
  }
  const Weights weights(std::move(file.tensors), place, compute);
  StyleAdapter adapter(weights);
  weights.report_unused(warn);

  auto clip = weights::read_loose_component(clip_vision);
  if (!clip.config)
    throw std::runtime_error(clip_vision.string() + ": is no folder with a config.json");
  const auto in_clip = [&](const char* name) { return (clip_vision / name).string(); };
  const auto config = read_vision_encoder_config(
      {vision_config(*clip.config), in_clip("config.json")}, warn);
  if (config.hidden_size != adapter.width()) {
    throw std::runtime_error(
        fmt::format("{}: the style adapter takes pictures {} wide, the vision encoder {} gives {}",
                    place, adapter.width(), clip_vision.string(), config.hidden_size));
  }
  CLIPImageProcessor processor;
  processor.shortest_edge = processor.crop = static_cast<int>(config.image_size);
  if (clip.preprocessor) {
    processor = read_clip_image_processor(
        {std::move(*clip.preprocessor), in_clip("preprocessor_config.json")}, warn);
  }
  // Saved by transformers 5 it has no prefix. In a whole CLIP the text encoder lies beside it: what
  // is left over says nothing.
  constexpr std::string_view prefix = "vision_model.";
  const auto first = clip.tensors.lower_bound(prefix);
  const bool prefixed = first != clip.tensors.end() && first->first.starts_with(prefix);
  std::erase_if(clip.tensors, [&](const auto& tensor) {
    return prefixed && !tensor.first.starts_with(prefix);
  });
  const Weights vision(std::move(clip.tensors), clip_vision.string(), compute);
  CLIPVisionModel encoder(config, prefixed ? vision.scope("vision_model") : vision);
  return std::make_shared<const StyleControl>(std::move(adapter), std::move(encoder), processor,
                                              weights.bytes() + vision.bytes());
}

}  // namespace

Loaded load_control_model(const fs::path& path, const fs::path& clip_vision, const Compute& compute,
                          const Warn& warn) {
  auto file = weights::read_control_file(path);
  const auto place = path.string();
  switch (file.kind) {
    case weights::ControlFileKind::controlnet:
      return load_network<ControlNetControl, ControlNetModel>(
          std::move(file), place, read_controlnet_config, compute, warn);
    case weights::ControlFileKind::adapter:
      return load_network<AdapterControl, T2IAdapter>(std::move(file), place,
                                                      read_t2i_adapter_config, compute, warn);
    case weights::ControlFileKind::style_adapter:
      return load_style_adapter(std::move(file), place, clip_vision, compute, warn);
  }
  throw std::logic_error("unknown kind of control network");
}

}  // namespace dream::engine
