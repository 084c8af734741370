// The pipeline behind engine.hpp: one request from prompt to pictures, stage by stage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/lora_variants.hpp"

namespace dream::engine {

class StableDiffusion final : public Pipeline {
 public:
  // `lora_bytes`: see EngineOptions.
  StableDiffusion(Components parts, std::int64_t lora_bytes);
  const ModelInfo& info() const override { return info_; }
  void generate(const GenerateRequest& request,
                const std::function<void(int index, Image image)>& on_image) const override;
  HostTensor encode_prompt(const std::string& prompt, int clip_skip) const override;
  HostTensor encode_image(const Image& image, std::uint64_t seed) const override;
  Image decode_latents(const HostTensor& latents) const override;
  std::unique_ptr<DenoiseLoop> denoise(const DenoiseRequest& request) const override;
  const Components& parts() const { return parts_; }

 private:
  Components parts_;
  ModelInfo info_;
  mutable LoraVariants variants_;  // a cache, with its own lock
};

}  // namespace dream::engine
