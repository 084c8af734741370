#include "sdk/engine/models/controlnet_model.hpp"

#include <ATen/ops/silu.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <utility>

#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

Conv2d pointwise_conv(const Weights& weights, std::int64_t channels) {
  return {weights, {.in = channels, .out = channels, .kernel = 1, .padding = 0}};
}

}  // namespace

ControlNetConditioningEmbedding::ControlNetConditioningEmbedding(const Weights& weights,
                                                                 const ControlNetConfig& config)
    : conv_in(weights.scope("conv_in"), {.in = config.conditioning_channels,
                                         .out = config.conditioning_widths.front()}),
      conv_out(weights.scope("conv_out"), {.in = config.conditioning_widths.back(),
                                           .out = config.encoder.down_blocks.front().in_channels}) {
  const auto& widths = config.conditioning_widths;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    blocks.emplace_back(weights.scope(fmt::format("blocks.{}", 2 * i)),
                        Conv2d::Shape{.in = widths[i], .out = widths[i]});
    blocks.emplace_back(weights.scope(fmt::format("blocks.{}", 2 * i + 1)),
                        Conv2d::Shape{.in = widths[i], .out = widths[i + 1], .stride = 2});
  }
}

at::Tensor ControlNetConditioningEmbedding::operator()(const at::Tensor& conditioning) const {
  auto hidden = at::silu(conv_in(conditioning));
  for (const auto& block : blocks) hidden = at::silu(block(hidden));
  return conv_out(hidden);
}

ControlNetModel::ControlNetModel(const ControlNetConfig& config, const Weights& weights)
    : config_(config),
      time_embedding_(weights.scope("time_embedding"), config.encoder.time_proj.channels,
                      config.encoder.time_embed_dim, config.encoder.resnet.act, {}),
      conv_in_(weights.scope("conv_in"), {.in = config.encoder.in_channels,
                                          .out = config.encoder.down_blocks.front().in_channels}),
      cond_embedding_(weights.scope("controlnet_cond_embedding"), config),
      controlnet_mid_block_(pointwise_conv(weights.scope("controlnet_mid_block"),
                                           config.encoder.down_blocks.back().out_channels)) {
  const auto add_skip = [&](std::int64_t channels) {
    const auto name = fmt::format("controlnet_down_blocks.{}", controlnet_down_blocks_.size());
    controlnet_down_blocks_.push_back(pointwise_conv(weights.scope(name), channels));
  };
  add_skip(config.encoder.down_blocks.front().in_channels);
  for (const auto& shape : config.encoder.down_blocks) {
    const auto name = fmt::format("down_blocks.{}", down_blocks_.size());
    down_blocks_.emplace_back(weights.scope(name), shape);
    for (std::int64_t i = 0; i < shape.layers + (shape.resamples ? 1 : 0); ++i)
      add_skip(shape.out_channels);
  }
  if (config.encoder.mid_block)
    mid_block_.emplace(weights.scope("mid_block"), *config.encoder.mid_block);
}

at::Tensor ControlNetModel::embed(const at::Tensor& conditioning) const {
  const auto ordered = config_.bgr ? conditioning.flip(1) : conditioning;
  return cond_embedding_(ordered.contiguous(at::MemoryFormat::ChannelsLast));
}

UNetAdditions ControlNetModel::forward(const at::Tensor& sample, double timestep, TextContext& text,
                                       const at::Tensor& embedded, double scale,
                                       bool guess_mode) const {
  const auto code = config_.encoder.time_proj(timestep).to(sample.scalar_type());
  const auto temb = time_embedding_(to_device(code, sample.device()));
  auto hidden = conv_in_(sample.contiguous(at::MemoryFormat::ChannelsLast)) + embedded;
  std::vector<at::Tensor> skips{hidden};
  for (const auto& block : down_blocks_) hidden = block(std::move(hidden), temb, text, skips);
  if (mid_block_) hidden = (*mid_block_)(std::move(hidden), temb, text);

  const auto count = static_cast<double>(skips.size());
  const auto finish = [&](const at::Tensor& map, double place) {
    if (config_.global_pool_conditions)
      return (map * scale).mean(at::IntArrayRef{2, 3}, /*keepdim=*/true);
    return map * (guess_mode ? scale * std::pow(10.0, place / count - 1) : scale);
  };
  UNetAdditions additions;
  for (std::size_t i = 0; i < skips.size(); ++i)
    additions.skips.push_back(finish(controlnet_down_blocks_[i](skips[i]), static_cast<double>(i)));
  additions.mid = finish(controlnet_mid_block_(hidden), count);
  return additions;
}

}  // namespace dream::engine
