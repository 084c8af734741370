#include "sdk/engine/pipeline/components.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace dream::engine {

nlohmann::json corrected_scheduler_config(nlohmann::json config) {
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

}  // namespace dream::engine
