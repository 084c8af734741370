// The denoiser: predicts the noise (or v) in a latent picture, given timestep and text. Built from
// config.json alone: any layout of the four block types, any widths, depths and head counts.
// Names equal diffusers' UNet2DConditionModel.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sdk/engine/kernels/replay.hpp"
#include "sdk/engine/models/embeddings.hpp"
#include "sdk/engine/models/unet_2d_blocks.hpp"
#include "sdk/engine/models/unet_config.hpp"

namespace dream::engine {

// What ControlNets and adapters add to a UNet's feature maps. Tensors of one picture stand for all
// of a batch. Empty vectors and undefined tensors: nothing.
struct UNetAdditions {
  std::vector<at::Tensor> skips;   // one for each skip connection
  at::Tensor mid;                  // after the middle block
  std::vector<at::Tensor> blocks;  // one for each down block, before its downsampler
};

class UNet2DConditionModel {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  UNet2DConditionModel(const UNetConfig& config, const Weights& weights);

  // `sample` is [batch, in_channels, height, width] and `text` holds [batch, tokens, width], both
  // in the weights' precision. `guidance_scale` counts for models that were distilled from a guided
  // one (time_cond_proj_dim). The result has out_channels and the sample's size.
  at::Tensor forward(const at::Tensor& sample, double timestep, TextContext& text,
                     double guidance_scale = 1, const UNetAdditions& additions = {}) const;

  // The same with a timestep for each picture of the batch, as a training step has it. What it
  // computes is plain operators that record gradients; not for models that were distilled.
  at::Tensor forward(const at::Tensor& sample, at::ArrayRef<std::int64_t> timesteps,
                     TextContext& text) const;

  const UNetConfig& config() const { return config_; }

 private:
  // Timestep and guidance scale as a call's input: [1 or batch, channels] where the sample is.
  struct Codes {
    at::Tensor time, guidance;
  };
  Codes codes(double timestep, double guidance_scale, const at::Tensor& sample) const;
  at::Tensor computed(const at::Tensor& sample, const Codes& codes, TextContext& text,
                      const UNetAdditions& additions) const;
  at::Tensor replayed(const at::Tensor& sample, const Codes& codes, TextContext& text,
                      const UNetAdditions& additions) const;

  UNetConfig config_;
  TimestepEmbedding time_embedding_;
  Conv2d conv_in_;
  std::vector<DownBlock2D> down_blocks_;
  std::optional<UNetMidBlock2D> mid_block_;
  std::vector<UpBlock2D> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
  std::shared_ptr<Replay> replay_ = std::make_shared<Replay>();
};

}  // namespace dream::engine
