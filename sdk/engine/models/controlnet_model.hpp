// ControlNet (arXiv 2302.05543): a copy of the UNet's first half that also sees a control picture
// and gives the UNet's second half something to add. Names equal diffusers' ControlNetModel.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "sdk/engine/models/embeddings.hpp"
#include "sdk/engine/models/unet_2d_blocks.hpp"
#include "sdk/engine/models/unet_2d_condition_model.hpp"
#include "sdk/engine/models/unet_config.hpp"

namespace dream::engine {

// The control picture in latent pixels: a small network of convolutions.
struct ControlNetConditioningEmbedding {
  ControlNetConditioningEmbedding(const Weights& weights, const ControlNetConfig& config);
  at::Tensor operator()(const at::Tensor& conditioning) const;

  Conv2d conv_in;
  std::vector<Conv2d> blocks;
  Conv2d conv_out;
};

class ControlNetModel {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  ControlNetModel(const ControlNetConfig& config, const Weights& weights);

  // A control picture [1, 3, height, width], RGB in 0..1, to what forward() takes: does not depend
  // on the step, so it is computed once.
  at::Tensor embed(const at::Tensor& conditioning) const;

  // `sample` [batch, in_channels, h, w] and `text` as the UNet has them, `embedded` of embed(). The
  // result's skips and mid are scaled by `scale`; in guess mode the finer the less, from a tenth
  // up (diffusers' guess_mode).
  UNetAdditions forward(const at::Tensor& sample, double timestep, TextContext& text,
                        const at::Tensor& embedded, double scale, bool guess_mode) const;

  const ControlNetConfig& config() const { return config_; }

 private:
  ControlNetConfig config_;
  TimestepEmbedding time_embedding_;
  Conv2d conv_in_;
  ControlNetConditioningEmbedding cond_embedding_;
  std::vector<DownBlock2D> down_blocks_;
  std::optional<UNetMidBlock2D> mid_block_;
  std::vector<Conv2d> controlnet_down_blocks_;
  Conv2d controlnet_mid_block_;
};

}  // namespace dream::engine
