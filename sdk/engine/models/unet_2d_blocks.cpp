#include "sdk/engine/models/unet_2d_blocks.hpp"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <utility>

#include "sdk/engine/tensor/recompute.hpp"

namespace dream::engine {
namespace {

void add_attention(std::vector<Transformer2DModel>& attentions, const Weights& weights,
                   const BlockShape& shape) {
  const auto i = attentions.size();
  const auto& layers = shape.transformer_layers;
  attentions.emplace_back(weights.scope(fmt::format("attentions.{}", i)),
                          Transformer2DModel::Shape{
                              .channels = shape.out_channels,
                              .heads = shape.heads,
                              .layers = layers.size() == 1 ? layers.front() : layers.at(i),
                              .cross_attention_dim = shape.cross_attention_dim,
                              .norm_num_groups = shape.resnet.groups,
                              .use_linear_projection = shape.use_linear_projection,
                              .only_cross_attention = shape.only_cross_attention,
                          });
}

Weights resnet_weights(const Weights& weights, std::size_t i) {
  return weights.scope(fmt::format("resnets.{}", i));
}

at::Tensor through(const ResnetBlock2D& resnet, const at::Tensor& hidden_states,
                   const at::Tensor& temb) {
  if (!is_recomputing()) return resnet(hidden_states, temb);
  return recomputed(hidden_states, temb,
                    [layer = &resnet](const at::Tensor& x, const at::Tensor& condition) {
                      return (*layer)(x, condition);
                    });
}

at::Tensor through(const Transformer2DModel& attention, const at::Tensor& hidden_states,
                   TextContext& text) {
  if (!is_recomputing()) return attention(hidden_states, text);
  return recomputed(hidden_states, text.states(),
                    [layer = &attention](const at::Tensor& x, const at::Tensor& condition) {
                      TextContext own(condition);
                      return (*layer)(x, own);
                    });
}

}  // namespace

DownBlock2D::DownBlock2D(const Weights& weights, const BlockShape& shape) {
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    resnets.emplace_back(resnet_weights(weights, i),
                         i == 0 ? shape.in_channels : shape.out_channels, shape.out_channels,
                         shape.resnet);
    if (shape.has_cross_attention) add_attention(attentions, weights, shape);
  }
  if (shape.resamples) {
    downsampler.emplace(weights.scope("downsamplers.0"), shape.out_channels,
                        shape.downsample_padding);
  }
}

at::Tensor DownBlock2D::operator()(at::Tensor hidden_states, const at::Tensor& temb,
                                   TextContext& text, std::vector<at::Tensor>& skips,
                                   const at::Tensor& addition) const {
  for (std::size_t i = 0; i < resnets.size(); ++i) {
    hidden_states = through(resnets[i], hidden_states, temb);
    if (!attentions.empty()) hidden_states = through(attentions[i], hidden_states, text);
    if (i + 1 == resnets.size() && addition.defined()) hidden_states = hidden_states + addition;
    skips.push_back(hidden_states);
  }
  if (downsampler) {
    hidden_states = (*downsampler)(hidden_states);
    skips.push_back(hidden_states);
  }
  return hidden_states;
}

UNetMidBlock2D::UNetMidBlock2D(const Weights& weights, const BlockShape& shape) {
  const std::size_t count = shape.has_cross_attention ? 2 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    resnets.emplace_back(resnet_weights(weights, i), shape.in_channels, shape.out_channels,
                         shape.resnet);
  }
  if (shape.has_cross_attention) add_attention(attentions, weights, shape);
}

at::Tensor UNetMidBlock2D::operator()(at::Tensor hidden_states, const at::Tensor& temb,
                                      TextContext& text) const {
  hidden_states = through(resnets[0], hidden_states, temb);
  for (std::size_t i = 0; i < attentions.size(); ++i) {
    hidden_states = through(attentions[i], hidden_states, text);
    hidden_states = through(resnets[i + 1], hidden_states, temb);
  }
  return hidden_states;
}

UpBlock2D::UpBlock2D(const Weights& weights, const BlockShape& shape) {
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const auto below = i == 0 ? shape.prev_output_channel : shape.out_channels;
    const auto skip = i == shape.layers - 1 ? shape.in_channels : shape.out_channels;
    resnets.emplace_back(resnet_weights(weights, i), below + skip, shape.out_channels,
                         shape.resnet);
    if (shape.has_cross_attention) add_attention(attentions, weights, shape);
  }
  if (shape.resamples) upsampler.emplace(weights.scope("upsamplers.0"), shape.out_channels);
}

at::Tensor UpBlock2D::operator()(at::Tensor hidden_states, const at::Tensor& temb,
                                 TextContext& text, std::vector<at::Tensor>& skips,
                                 std::optional<std::array<std::int64_t, 2>> size) const {
  for (std::size_t i = 0; i < resnets.size(); ++i) {
    hidden_states = at::cat({hidden_states, skips.back()}, 1);
    skips.pop_back();
    hidden_states = through(resnets[i], hidden_states, temb);
    if (!attentions.empty()) hidden_states = through(attentions[i], hidden_states, text);
  }
  return upsampler ? (*upsampler)(hidden_states, size) : hidden_states;
}

}  // namespace dream::engine
