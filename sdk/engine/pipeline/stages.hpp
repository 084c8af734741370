// The stages of one request, in the order they run: text, pictures to start from, noise, denoise
// loop, decode.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/controls.hpp"
#include "sdk/engine/pipeline/denoiser.hpp"
#include "sdk/engine/pipeline/plan.hpp"
#include "sdk/engine/pipeline/preview.hpp"

namespace dream::engine {

// [1, tokens, width] of one text, after all layers of the encoder but the last `clip_skip`.
at::Tensor encode_text(const Components& parts, const std::string& text, int clip_skip);

// [1 or 2, tokens, width]: the prompt, under guidance preceded by the negative prompt. A prompt
// longer than one window goes in blocks of it, the shorter of the two padded with empty blocks;
// request.on_log is told so. Throws InvalidInput for a prompt that cannot be read.
at::Tensor encode_prompts(const Components& parts, const GenerateRequest& request, bool guided);

// Picture `index` of a request draws from its own generator, seeded seed + index, on the CPU: what
// it shows depends neither on the device nor on the pictures beside it.
at::Generator picture_generator(std::int64_t seed, int index);

// Unit Gaussian noise [1, latent channels, h, w] in fp32, drawn on the CPU, then moved.
at::Tensor initial_noise(const Components& parts, const Plan& plan, at::Generator& generator);

// What a request's image and mask are to the model, computed once for all its pictures.
struct ImageCondition {
  std::optional<DiagonalGaussian> image;         // the picture's latents
  std::optional<DiagonalGaussian> masked_image;  // the same with the repainted part grey
  at::Tensor mask;  // [1, 1, h, w] in fp32, 1 where repainted; undefined without
};

// With a UNet made for inpainting there is always a mask: all is repainted where none is given.
ImageCondition condition_on_image(const Components& parts, const GenerateRequest& request,
                                  const Plan& plan);

// What picture `index` starts from; draws from `generator` in diffusers' order.
Start start_of(const Components& parts, const Plan& plan, const ImageCondition& condition,
               at::Generator& generator);

// Pictures first … first + count - 1 of a request up to their latents, side by side: noise, then
// every step of the loop. `states` is what encode_prompts() made; `previews` are shown between the
// steps.
std::vector<at::Tensor> draw_latents(const Components& parts, const GenerateRequest& request,
                                     const Plan& plan, const ImageCondition& condition,
                                     const Controls& controls, int first, int count,
                                     const at::Tensor& states, Previews& previews);

// Latents of one picture to 8-bit RGB, rounded as diffusers does.
Image decode(const Components& parts, const at::Tensor& latents);

// `drawn` where the mask is white, `original` where it is black. All of one size.
void paste(Image& drawn, const Image& original, const Mask& mask);

// Does the model's safety checker flag the picture? Without one, never.
bool is_flagged(const Components& parts, const Image& image);

// All stages of a request, with parts that its LoRAs and embeddings are laid over already; hands
// out the pictures as Pipeline::generate() says.
void draw(const Components& parts, const GenerateRequest& request, const Plan& plan,
          PreviewCache& shown, const std::function<void(int index, Image image)>& on_image);

// A picture's distribution of latents.
DiagonalGaussian posterior_of(const Components& parts, const Image& image);
// A sample of it, scaled, in fp32; its noise is drawn on the CPU.
at::Tensor sample_of(const Components& parts, const DiagonalGaussian& posterior,
                     at::Generator& generator);

}  // namespace dream::engine
