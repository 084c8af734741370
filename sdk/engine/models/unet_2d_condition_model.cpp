#include "sdk/engine/models/unet_2d_condition_model.hpp"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <cstddef>
#include <utility>

#include "sdk/engine/tensor/to_device.hpp"

namespace dream::engine {
namespace {

Conv2d same_size_conv(const Weights& weights, std::int64_t in, std::int64_t out,
                      std::int64_t kernel) {
  return {weights, {.in = in, .out = out, .kernel = kernel, .padding = (kernel - 1) / 2}};
}

}  // namespace

UNet2DConditionModel::UNet2DConditionModel(const UNetConfig& config, const Weights& weights)
    : config_(config),
      time_embedding_(weights.scope("time_embedding"), config.time_proj.channels,
                      config.time_embed_dim, config.resnet.act, config.timestep_post_act,
                      config.time_cond_proj_dim),
      conv_in_(same_size_conv(weights.scope("conv_in"), config.in_channels,
                              config.down_blocks.front().out_channels, config.conv_in_kernel)),
      conv_norm_out_(weights.scope("conv_norm_out"), config.down_blocks.front().out_channels,
                     config.resnet.groups, config.resnet.eps),
      conv_out_(same_size_conv(weights.scope("conv_out"), config.down_blocks.front().out_channels,
                               config.out_channels, config.conv_out_kernel)) {
  for (const auto& shape : config.down_blocks) {
    const auto name = fmt::format("down_blocks.{}", down_blocks_.size());
    down_blocks_.emplace_back(weights.scope(name), shape);
  }
  if (config.mid_block) mid_block_.emplace(weights.scope("mid_block"), *config.mid_block);
  for (const auto& shape : config.up_blocks) {
    const auto name = fmt::format("up_blocks.{}", up_blocks_.size());
    up_blocks_.emplace_back(weights.scope(name), shape);
  }
}

UNet2DConditionModel::Codes UNet2DConditionModel::codes(double timestep, double guidance_scale,
                                                        const at::Tensor& sample) const {
  const auto sent = [&](const at::Tensor& code) {
    return to_device(code.to(sample.scalar_type()), sample.device());
  };
  Codes codes{sent(config_.time_proj(timestep)), {}};
  if (config_.time_cond_proj_dim > 0)
    codes.guidance = sent(guidance_code(guidance_scale, config_.time_cond_proj_dim));
  return codes;
}

at::Tensor UNet2DConditionModel::forward(const at::Tensor& sample, double timestep,
                                         TextContext& text, double guidance_scale,
                                         const UNetAdditions& additions) const {
  const auto told = codes(timestep, guidance_scale, sample);
  return sample.is_cuda() ? replayed(sample, told, text, additions)
                          : computed(sample, told, text, additions);
}

at::Tensor UNet2DConditionModel::forward(const at::Tensor& sample,
                                         at::ArrayRef<std::int64_t> timesteps,
                                         TextContext& text) const {
  std::vector<at::Tensor> rows;
  for (const auto timestep : timesteps)
    rows.push_back(config_.time_proj(static_cast<double>(timestep)));
  const auto time = at::cat(rows).to(sample.scalar_type());
  return computed(sample, {to_device(time, sample.device()), {}}, text, {});
}

at::Tensor UNet2DConditionModel::replayed(const at::Tensor& sample, const Codes& codes,
                                          TextContext& text, const UNetAdditions& additions) const {
  // All that changes is an input, keys and values of the text too.
  for (const auto& block : down_blocks_)
    for (const auto& layer : block.attentions) layer.prepare(text);
  if (mid_block_)
    for (const auto& layer : mid_block_->attentions) layer.prepare(text);
  for (const auto& block : up_blocks_)
    for (const auto& layer : block.attentions) layer.prepare(text);
  const std::vector lists{std::vector{sample, codes.time, codes.guidance, additions.mid},
                          additions.skips, additions.blocks, text.tensors()};
  std::vector<at::Tensor> inputs;
  for (const auto& list : lists) {
    inputs.insert(inputs.end(), list.begin(), list.end());
    inputs.emplace_back();  // tells where a list ends
  }
  return (*replay_)(inputs, [&](const std::vector<at::Tensor>& given) {
    auto next = given.begin();
    const auto taken = [&](std::size_t count) {
      const std::vector list(next, next + static_cast<std::ptrdiff_t>(count));
      next += static_cast<std::ptrdiff_t>(count) + 1;
      return list;
    };
    const auto own = taken(lists[0].size());
    UNetAdditions added{.skips = taken(lists[1].size()), .mid = own[3], .blocks = {}};
    added.blocks = taken(lists[2].size());
    auto same_text = text.with(taken(lists[3].size()));
    return computed(own[0], {own[1], own[2]}, same_text, added);
  });
}

at::Tensor UNet2DConditionModel::computed(const at::Tensor& sample, const Codes& codes,
                                          TextContext& text, const UNetAdditions& additions) const {
  auto temb = time_embedding_(codes.time, codes.guidance);
  if (config_.time_embed_act) temb = apply(*config_.time_embed_act, temb);
  auto hidden = config_.center_input_sample ? 2 * sample - 1 : sample;
  hidden = conv_in_(hidden.contiguous(at::MemoryFormat::ChannelsLast));

  std::vector<at::Tensor> skips{hidden};
  for (std::size_t i = 0; i < down_blocks_.size(); ++i) {
    const auto addition = i < additions.blocks.size() ? additions.blocks[i] : at::Tensor();
    hidden = down_blocks_[i](std::move(hidden), temb, text, skips, addition);
  }
  for (std::size_t i = 0; i < additions.skips.size(); ++i)
    skips.at(i) = skips.at(i) + additions.skips[i];
  if (mid_block_) hidden = (*mid_block_)(std::move(hidden), temb, text);
  if (additions.mid.defined()) hidden = hidden + additions.mid;
  for (const auto& block : up_blocks_) {
    // Sizes that were odd on the way down come back by following the skip connection that the next
    // block will join.
    std::optional<std::array<std::int64_t, 2>> size;
    if (skips.size() > block.resnets.size()) {
      const auto& next = skips[skips.size() - block.resnets.size() - 1];
      size = {next.size(2), next.size(3)};
    }
    hidden = block(std::move(hidden), temb, text, skips, size);
  }
  return conv_out_(conv_norm_out_(hidden, config_.resnet.act));
}

}  // namespace dream::engine
