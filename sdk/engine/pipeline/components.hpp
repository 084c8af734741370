// The parts of one loaded model. Immutable after loading and shared by every request.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

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
  std::vector<std::shared_ptr<const void>> held = {};  // keeps the parts in memory

  // A UNet that is told the guidance scale: no second, negative prompt beside it.
  bool has_built_in_guidance() const { return unet.config().time_cond_proj_dim > 0; }

  // A UNet that sees mask and masked picture beside the latents.
  bool is_inpainting() const {
    return unet.config().in_channels == 2 * vae.config().latent_channels + 1;
  }
};

// What each part assumes of its neighbours. Throws std::runtime_error naming file and key.
void check_fit(const Components& parts);

// Stable Diffusion predicts noise in an unbounded latent space and starts its steps at 1; some
// published configs say otherwise or leave it to defaults of other uses. diffusers corrects both
// where it makes the pipeline, whatever the file says.
nlohmann::json corrected_scheduler_config(nlohmann::json config);

}  // namespace dream::engine
