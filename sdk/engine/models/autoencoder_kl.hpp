// The variational autoencoder between pictures and latents. Names equal diffusers' AutoencoderKL.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "sdk/engine/models/resnet.hpp"
#include "sdk/engine/models/strips.hpp"

namespace dream::engine {

struct AutoencoderConfig {
  std::int64_t in_channels = 3, out_channels = 3, latent_channels = 4;
  std::vector<std::int64_t> block_out_channels;
  std::int64_t layers_per_block = 1;
  ResnetStyle resnet;
  bool mid_block_add_attention = true, use_quant_conv = true, use_post_quant_conv = true;
  double scaling_factor = 0.18215, shift_factor = 0;
  std::vector<double> latents_mean, latents_std;  // per latent channel, or empty

  // Pixels per latent pixel and side.
  std::int64_t scale() const { return std::int64_t{1} << (block_out_channels.size() - 1); }
};

// Throws std::runtime_error naming file and key for values that are not supported.
AutoencoderConfig read_autoencoder_config(Config config, const Warn& warn);

// Attention over pixels with one head and a norm of its own, as the VAE's mid block has it.
struct PixelAttention {
  PixelAttention(const Weights& weights, std::int64_t channels, const ResnetStyle& style);
  at::Tensor operator()(const at::Tensor& hidden_states) const;

  GroupNorm group_norm;
  Linear to_q, to_k, to_v, to_out;
};

// resnet, attention, resnet.
struct VaeMidBlock2D {
  VaeMidBlock2D(const Weights& weights, std::int64_t channels, const AutoencoderConfig& config);
  at::Tensor operator()(const at::Tensor& hidden_states) const;

  ResnetBlock2D first;
  std::optional<PixelAttention> attention;
  ResnetBlock2D second;
};

struct DownEncoderBlock2D {
  std::vector<ResnetBlock2D> resnets;
  std::optional<Downsample2D> downsampler;
};

struct UpDecoderBlock2D {
  std::vector<ResnetBlock2D> resnets;
  std::optional<Upsample2D> upsampler;
};

struct Encoder {
  Encoder(const Weights& weights, const AutoencoderConfig& config);
  at::Tensor operator()(const at::Tensor& sample, std::int64_t strip_limit) const;

  Conv2d conv_in;
  std::vector<DownEncoderBlock2D> down_blocks;
  VaeMidBlock2D mid_block;
  GroupNorm conv_norm_out;
  Conv2d conv_out;
};

struct Decoder {
  Decoder(const Weights& weights, const AutoencoderConfig& config);
  at::Tensor operator()(const at::Tensor& sample, std::int64_t strip_limit) const;

  Conv2d conv_in;
  VaeMidBlock2D mid_block;
  std::vector<UpDecoderBlock2D> up_blocks;
  GroupNorm conv_norm_out;
  Conv2d conv_out;
};

// What a picture may be encoded to: a Gaussian per latent value.
struct DiagonalGaussian {
  at::Tensor mean, logvar;  // [batch, latent_channels, h, w]
};

class AutoencoderKL {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit.
  AutoencoderKL(const AutoencoderConfig& config, const Weights& weights);

  // Raw latents [batch, latent_channels, h, w] to pixels in -1..1, scale() times as large. Feature
  // maps of a single picture above `strip_limit` bytes are computed in strips (strips.hpp).
  at::Tensor decode(const at::Tensor& latents, std::int64_t strip_limit = large_map_bytes) const;
  // Pixels in -1..1 to the distribution of raw latents.
  DiagonalGaussian encode(const at::Tensor& pixels,
                          std::int64_t strip_limit = large_map_bytes) const;
  // Between the UNet's latents (unit variance) and the raw ones.
  at::Tensor to_raw(const at::Tensor& latents) const;
  at::Tensor from_raw(const at::Tensor& latents) const;

  const AutoencoderConfig& config() const { return config_; }
  const Compute& compute() const { return compute_; }

 private:
  AutoencoderConfig config_;
  Compute compute_;
  Encoder encoder_;
  Decoder decoder_;
  std::optional<Conv2d> quant_conv_, post_quant_conv_;
};

}  // namespace dream::engine
