// T2I-Adapter (arXiv 2302.08453): a small network of a control picture whose feature maps join the
// UNet's down blocks. Names equal diffusers' T2IAdapter with its full and light variants.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct T2IAdapterConfig {
  bool light = false;
  std::int64_t in_channels = 3;         // of the picture: 1 grey, 3 RGB
  std::vector<std::int64_t> channels;   // of the feature maps, fine to coarse
  std::int64_t num_res_blocks = 2, downscale_factor = 8;
};

// Throws std::runtime_error naming file and key for values that are not supported.
T2IAdapterConfig read_t2i_adapter_config(Config config, const Warn& warn);

class T2IAdapter {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  T2IAdapter(const T2IAdapterConfig& config, const Weights& weights);

  // A picture [1, in_channels, height, width] in 0..1, both sides multiples of downscale_factor, to
  // one feature map for each level: the first of 1/downscale_factor of its size, each next of half.
  std::vector<at::Tensor> forward(const at::Tensor& picture) const;

  const T2IAdapterConfig& config() const { return config_; }

 private:
  struct ResnetBlock {
    Conv2d block1, block2;
  };
  struct Level {
    bool down = false;
    std::optional<Conv2d> in_conv;
    std::vector<ResnetBlock> resnets;
    std::optional<Conv2d> out_conv;  // light adapters
  };
  static Level level(const Weights& weights, std::int64_t in, std::int64_t out, bool down,
                     const T2IAdapterConfig& config);

  T2IAdapterConfig config_;
  std::optional<Conv2d> conv_in_;  // full adapters
  std::vector<Level> body_;
};

}  // namespace dream::engine
