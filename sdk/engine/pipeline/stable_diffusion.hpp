// The pipeline behind engine.hpp: one request from prompt to pictures, stage by stage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/lora_variants.hpp"
#include "sdk/engine/pipeline/model_loader.hpp"
#include "sdk/engine/pipeline/preview.hpp"

namespace dream::engine {

class StableDiffusion final : public Pipeline {
 public:
  // Loads the model once, so that what is wrong with it shows now; see ModelLoader.
  StableDiffusion(ModelSources sources, const std::shared_ptr<ResidentCache>& cache,
                  const Warn& warn, const Warn& log);
  const ModelInfo& info() const override { return info_; }
  void generate(const GenerateRequest& request,
                const std::function<void(int index, Image image)>& on_image) const override;
  HostTensor encode_prompt(const std::string& prompt, int clip_skip) const override;
  HostTensor encode_image(const Image& image, std::uint64_t seed) const override;
  Image decode_latents(const HostTensor& latents) const override;
  std::unique_ptr<DenoiseLoop> denoise(const DenoiseRequest& request) const override;
  std::shared_ptr<const void> hold(
      const std::function<void(const std::string&)>& log) const override;
  // In memory while the result lives.
  std::shared_ptr<const Components> parts() const { return loader_.get({}, {}); }

 private:
  ModelLoader loader_;
  ModelInfo info_;
  mutable LoraVariants variants_;  // has its own lock
  mutable PreviewCache previews_;  // likewise
};

}  // namespace dream::engine
