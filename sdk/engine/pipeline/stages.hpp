// The stages of one picture, in the order they run: text, noise, denoise loop, decode.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/plan.hpp"

namespace dream::engine {

// [1, tokens, width] of one text, after all layers of the encoder but the last `clip_skip`.
at::Tensor encode_text(const Components& parts, const std::string& text, int clip_skip);

// [1 or 2, tokens, width]: the prompt, under guidance preceded by the negative prompt. A prompt
// longer than the encoder's positions is cut, and request.on_log told so.
at::Tensor encode_prompts(const Components& parts, const GenerateRequest& request, bool guided);

// Picture `index` of a request draws from its own generator, seeded seed + index, on the CPU: what
// it shows depends neither on the device nor on the pictures beside it.
at::Generator picture_generator(std::int64_t seed, int index);

// Unit Gaussian noise [1, latent channels, h, w] in fp32, drawn on the CPU, then moved.
at::Tensor initial_noise(const Components& parts, const Plan& plan, at::Generator& generator);

// Picture `index` of a request up to its latents: noise, then every step of the loop.
at::Tensor draw_latents(const Components& parts, const GenerateRequest& request, const Plan& plan,
                        int index, TextContext& text);

// Latents of one picture to 8-bit RGB, rounded as diffusers does.
Image decode(const Components& parts, const at::Tensor& latents);

// A picture to scaled latents in fp32, with a sample of the posterior drawn on the CPU.
at::Tensor encode(const Components& parts, const Image& image, at::Generator& generator);

}  // namespace dream::engine
