#include "sdk/engine/pipeline/components.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "sdk/engine/pipeline/load_safety_checker.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::engine {
namespace {

Config config_of(const weights::ModelFolder& folder, const std::string& component) {
  return {folder.config(component), component + "/config.json"};
}

Weights weights_of(const weights::ModelFolder& folder, const std::string& component,
                   const Compute& compute) {
  return {folder.weights(component), component, compute};
}

ClipTokenizer load_tokenizer(const weights::ModelFolder& folder) {
  return ClipTokenizer::load(
      folder.where("tokenizer"), [&](const std::string& name) -> std::optional<std::string> {
        const auto file = folder.file("tokenizer", name);
        if (!file) return std::nullopt;
        return std::string(reinterpret_cast<const char*>(file->data.data()), file->data.size());
      });
}

// A model built of its config and weights; tells of tensors that it did not take.
template <typename Model, typename Read>
Model load_model(const weights::ModelFolder& folder, const std::string& component,
                 const Read& read_config, const Weights& weights, const Warn& warn) {
  Model model(read_config(config_of(folder, component), warn), weights);
  weights.report_unused(warn);
  return model;
}

// Stable Diffusion predicts noise in an unbounded latent space and starts its steps at 1; some
// published configs say otherwise or leave it to defaults of other uses. diffusers corrects both
// where it makes the pipeline, whatever the file says.
nlohmann::json scheduler_config(nlohmann::json config) {
  if (!config.is_object()) return config;  // reported where it is read
  config["clip_sample"] = false;
  config["steps_offset"] = 1;
  if (const auto found = config.find("_use_default_values");
      found != config.end() && found->is_array()) {
    auto others = nlohmann::json::array();
    for (const auto& key : *found) {
      if (key != "clip_sample" && key != "steps_offset") others.push_back(key);
    }
    *found = std::move(others);
  }
  return config;
}

// What each part assumes of its neighbours.
void check_fit(const Components& parts) {
  const auto text_width = parts.text_encoder.config().hidden_size;
  const auto& unet = parts.unet.config();
  if (unet.cross_attention_dim != text_width) {
    throw std::runtime_error(
        fmt::format("unet/config.json: \"cross_attention_dim\" is {}, but the text encoder's "
                    "hidden_size is {}",
                    unet.cross_attention_dim, text_width));
  }
  const auto latent_channels = parts.vae.config().latent_channels;
  const bool plain = unet.in_channels == latent_channels;
  if ((!plain && !parts.is_inpainting()) || unet.out_channels != latent_channels) {
    throw std::runtime_error(fmt::format(
        "unet/config.json: \"in_channels\" {} and \"out_channels\" {} do not match the VAE's {} "
        "latent channels; in_channels must be {} or, for inpainting, {}, out_channels {}",
        unet.in_channels, unet.out_channels, latent_channels, latent_channels,
        2 * latent_channels + 1, latent_channels));
  }
}

}  // namespace

Components Components::load(const std::filesystem::path& path,
                            const std::filesystem::path& vocabulary,
                            const std::filesystem::path& safety_checker, const Compute& compute,
                            const Warn& warn) {
  weights::SingleFileOptions options;
  options.vocabulary = vocabulary;
  const auto folder = weights::ModelFolder::open(path, options);
  for (const std::string& note : folder.notes()) warn(note);
  const auto text_encoder_weights = weights_of(folder, "text_encoder", compute);
  const auto unet_weights = weights_of(folder, "unet", compute);
  Components parts{
      .tokenizer = load_tokenizer(folder),
      .text_encoder = load_model<CLIPTextModel>(folder, "text_encoder", read_text_encoder_config,
                                                text_encoder_weights, warn),
      .unet = load_model<UNet2DConditionModel>(folder, "unet", read_unet_config, unet_weights,
                                               warn),
      .vae = load_model<AutoencoderKL>(folder, "vae", read_autoencoder_config,
                                       weights_of(folder, "vae", compute), warn),
      .text_encoder_weights = text_encoder_weights,
      .unet_weights = unet_weights,
      .scheduler = scheduler_config(folder.config("scheduler")),
      .safety_checker = load_safety_checker(folder, safety_checker, compute, warn),
      .compute = compute,
  };
  check_fit(parts);
  return parts;
}

}  // namespace dream::engine
