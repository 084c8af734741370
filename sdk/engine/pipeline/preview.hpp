// What is being drawn, before it is drawn: a small picture straight from the latents, far cheaper
// than the decoder. A linear map from latent channels to red, green and blue explains most of what
// a decoder of Stable Diffusion does; instead of constants for one published decoder, the map is
// fitted once to the decoder at hand, so that it holds for any.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <memory>
#include <mutex>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/models/autoencoder_kl.hpp"

namespace dream::engine {

// Latents [1, C, h, w] to pixels, for one decoder.
class PreviewMap {
 public:
  // Decodes one small smooth random latent (12 x 12) and solves for the map by least squares.
  explicit PreviewMap(const AutoencoderKL& vae);

  // h x w pixels. Latents that are still mostly noise are brought to unit variance first.
  Image operator()(const at::Tensor& latents) const;

 private:
  at::Tensor map_;  // [C + 1, 3] in fp32 on the model's device: channels, and a constant
};

// The map of one model, fitted when first needed. Any thread.
class PreviewCache {
 public:
  const PreviewMap& get(const AutoencoderKL& vae);

 private:
  std::mutex mutex_;
  std::unique_ptr<const PreviewMap> map_;
};

// Shows the pictures of one request at the rate that it asks for.
class Previews {
 public:
  Previews(const GenerateRequest& request, const AutoencoderKL& vae, PreviewCache& cache)
      : request_(request), vae_(vae), cache_(cache) {}

  // Is it time for the next ones? Once in request.preview_interval_s, and after the last step.
  bool due(const Step& step);
  void show(const Step& step, const at::Tensor& latents) const;

 private:
  const GenerateRequest& request_;
  const AutoencoderKL& vae_;
  PreviewCache& cache_;
  std::chrono::steady_clock::time_point last_ = {};
};

}  // namespace dream::engine
