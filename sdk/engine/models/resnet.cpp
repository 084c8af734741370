#include "sdk/engine/models/resnet.hpp"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace dream::engine {

ResnetBlock2D::ResnetBlock2D(const Weights& weights, std::int64_t in_channels,
                             std::int64_t out_channels, const ResnetStyle& shared_style)
    : style(shared_style),
      norm1(weights.scope("norm1"), in_channels, style.groups, style.eps),
      conv1(weights.scope("conv1"), {.in = in_channels, .out = out_channels}),
      norm2(weights.scope("norm2"), out_channels, style.groups, style.eps),
      conv2(weights.scope("conv2"), {.in = out_channels, .out = out_channels}) {
  if (style.temb_channels > 0) {
    time_emb_proj.emplace(weights.scope("time_emb_proj"), style.temb_channels,
                          style.scale_shift ? 2 * out_channels : out_channels);
  }
  if (in_channels != out_channels) {
    conv_shortcut.emplace(
        weights.scope("conv_shortcut"),
        Conv2d::Shape{.in = in_channels, .out = out_channels, .kernel = 1, .padding = 0});
  }
}

// act(norm2(conv1(x) + shift)); `shift` as a norm takes it.
at::Tensor ResnetBlock2D::shifted(const at::Tensor& x, const at::Tensor& shift) const {
  if (const auto hidden = conv1.without_bias(x)) {
    const auto all = shift.defined() ? shift + conv1.bias : conv1.bias.unsqueeze(0);
    return norm2(*hidden, style.act, all);
  }
  return norm2(conv1(x), style.act, shift);
}

at::Tensor ResnetBlock2D::operator()(const at::Tensor& input, const at::Tensor& temb) const {
  auto hidden = norm1(input, style.act);
  at::Tensor shift;
  if (time_emb_proj) shift = (*time_emb_proj)(apply(style.act, temb));
  if (shift.defined() && style.scale_shift) {
    const auto parts = shift.unsqueeze(-1).unsqueeze(-1).chunk(2, 1);
    hidden = apply(style.act, norm2(conv1(hidden)) * (1 + parts[0]) + parts[1]);
  } else {
    hidden = shifted(hidden, shift);
  }
  hidden = conv2.plus(hidden, conv_shortcut ? (*conv_shortcut)(input) : input);
  return style.output_scale_factor == 1 ? hidden : hidden / style.output_scale_factor;
}

Downsample2D::Downsample2D(const Weights& weights, std::int64_t channels, std::int64_t padding)
    : conv(weights.scope("conv"),
           {.in = channels, .out = channels, .stride = 2, .padding = padding}) {}

at::Tensor Downsample2D::operator()(const at::Tensor& hidden_states) const {
  if (conv.padding > 0) return conv(hidden_states);
  return conv(at::constant_pad_nd(hidden_states, {0, 1, 0, 1}));
}

Upsample2D::Upsample2D(const Weights& weights, std::int64_t channels)
    : conv(weights.scope("conv"), {.in = channels, .out = channels}) {}

at::Tensor Upsample2D::operator()(const at::Tensor& hidden_states,
                                  std::optional<std::array<std::int64_t, 2>> size) const {
  const auto doubled = std::array{hidden_states.size(2) * 2, hidden_states.size(3) * 2};
  return conv(at::upsample_nearest2d(hidden_states, size.value_or(doubled)));
}

}  // namespace dream::engine
