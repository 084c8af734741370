// The parts of one loaded model. Immutable after loading and shared by every request.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "sdk/engine/models/autoencoder_kl.hpp"
#include "sdk/engine/models/safety_checker.hpp"
#include "sdk/engine/models/unet_2d_condition_model.hpp"
#include "sdk/engine/text/text_encoder.hpp"
#include "sdk/engine/text/tokenizer.hpp"

namespace dream::engine {

struct Components {
  ClipTokenizer tokenizer;
  CLIPTextModel text_encoder;
  UNet2DConditionModel unet;
  AutoencoderKL vae;
  Weights text_encoder_weights, unet_weights;  // what variants are made of
  nlohmann::json scheduler;  // scheduler_config.json
  std::shared_ptr<const StableDiffusionSafetyChecker> safety_checker;  // null: there is none
  Compute compute;

  // A UNet that is told the guidance scale: no second, negative prompt beside it.
  bool has_built_in_guidance() const { return unet.config().time_cond_proj_dim > 0; }

  // A UNet that sees mask and masked picture beside the latents.
  bool is_inpainting() const {
    return unet.config().in_channels == 2 * vae.config().latent_channels + 1;
  }

  // Reads a diffusers folder, an output.zip or a single-file checkpoint, for which `vocabulary` is
  // the folder of CLIP's tokenizer. `safety_checker` (may be empty) is used where the weights have
  // none. Throws std::runtime_error naming file and key or tensor.
  static Components load(const std::filesystem::path& path, const std::filesystem::path& vocabulary,
                         const std::filesystem::path& safety_checker, const Compute& compute,
                         const Warn& warn);
};

}  // namespace dream::engine
