#include "sdk/engine/models/strips.hpp"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/var_mean.h>

#include <algorithm>
#include <functional>

#include "sdk/engine/kernels/group_norm.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t fewest_rows = 8;

// A group norm over a known map, as a factor and an offset per channel: [1, channels, 1, 1].
struct Affine {
  at::Tensor factor, offset;
  at::Tensor operator()(const at::Tensor& rows) const { return rows * factor + offset; }
};

Affine plain_affine(const GroupNorm& norm, const at::Tensor& map) {
  const auto channels = map.size(1);
  const auto pixels = map.permute({0, 2, 3, 1}).reshape({-1, norm.groups, channels / norm.groups});
  const auto [variance, mean] = at::var_mean(pixels.to(at::kFloat), at::IntArrayRef{0, 2},
                                             /*correction=*/0, /*keepdim=*/false);
  const auto per_channel = [&](const at::Tensor& per_group) {
    return per_group.repeat_interleave(channels / norm.groups);
  };
  const auto factor = per_channel(at::rsqrt(variance + norm.eps)) * norm.weight.to(at::kFloat);
  const auto offset = norm.bias.to(at::kFloat) - per_channel(mean) * factor;
  const auto shaped = [&](const at::Tensor& values) {
    return values.to(map.dtype()).view({1, -1, 1, 1});
  };
  return {shaped(factor), shaped(offset)};
}

// Rows of `map` to act(norm(rows)).
std::function<at::Tensor(const at::Tensor&)> normalised(const GroupNorm& norm, Activation act,
                                                        const at::Tensor& map) {
  if (!has_group_norm_kernel(map)) {
    return [affine = plain_affine(norm, map), act](const at::Tensor& rows) {
      return apply(act, affine(rows));
    };
  }
  const GroupNormWeights weights{norm.weight, norm.bias, norm.groups, norm.eps};
  return [affine = group_norm_affine(map, weights), act](const at::Tensor& rows) {
    const bool silu = act == Activation::silu;
    const auto scaled = scale_channels(rows, affine, silu);
    return silu ? scaled : apply(act, scaled);
  };
}

at::Tensor empty_map(const at::Tensor& like, std::int64_t channels, std::int64_t height,
                     std::int64_t width) {
  return at::empty({1, channels, height, width}, like.options(), at::MemoryFormat::ChannelsLast);
}

std::int64_t rows_per_strip(const at::Tensor& map, std::int64_t strip_bytes) {
  const auto row_bytes = map.size(1) * map.size(3) * static_cast<std::int64_t>(map.element_size());
  return std::max(fewest_rows, strip_bytes / row_bytes);
}

void for_strips(std::int64_t height, std::int64_t rows,
                const std::function<void(std::int64_t first, std::int64_t count)>& body) {
  for (std::int64_t first = 0; first < height; first += rows) {
    body(first, std::min(rows, height - first));
  }
}

// Rows first .. first + count of a 3x3 convolution of `map`, whose rows `prepare` makes ready: one
// more on each side goes in, and what those two rows give is left out.
template <class Prepare>
at::Tensor convolved(const Conv2d& conv, const at::Tensor& map, std::int64_t first,
                     std::int64_t count, Prepare&& prepare) {
  const auto halo = conv.padding;
  const auto begin = std::max<std::int64_t>(0, first - halo);
  const auto end = std::min(map.size(2), first + count + halo);
  return conv(prepare(map.narrow(2, begin, end - begin))).narrow(2, first - begin, count);
}

}  // namespace

at::Tensor in_strips(const GroupNorm& norm, Activation act, const Conv2d& conv,
                     const at::Tensor& input,
                     std::int64_t strip_bytes) {
  const auto prepare = normalised(norm, act, input);
  auto output = empty_map(input, conv.out_channels(), input.size(2), input.size(3));
  const auto rows_each = rows_per_strip(input, strip_bytes);
  for_strips(input.size(2), rows_each, [&](std::int64_t first, std::int64_t count) {
    output.narrow(2, first, count).copy_(convolved(conv, input, first, count, prepare));
  });
  return output;
}

at::Tensor in_strips(const ResnetBlock2D& resnet, at::Tensor input,
                     std::int64_t strip_bytes) {
  const auto hidden = in_strips(resnet.norm1, resnet.style.act, resnet.conv1, input, strip_bytes);
  const auto prepare = normalised(resnet.norm2, resnet.style.act, hidden);
  auto output = resnet.conv_shortcut ? empty_map(input, hidden.size(1), input.size(2),
                                                 input.size(3))
                                     : input;
  const auto rows_each = rows_per_strip(input, strip_bytes);
  for_strips(input.size(2), rows_each, [&](std::int64_t first, std::int64_t count) {
    const auto rows = input.narrow(2, first, count);
    auto sum = convolved(resnet.conv2, hidden, first, count, prepare);
    sum = (resnet.conv_shortcut ? (*resnet.conv_shortcut)(rows) : rows) + sum;
    output.narrow(2, first, count).copy_(sum / resnet.style.output_scale_factor);
  });
  return output;
}

at::Tensor in_strips(const Upsample2D& upsampler, const at::Tensor& input,
                     std::int64_t strip_bytes) {
  const auto width = input.size(3);
  auto output = empty_map(input, upsampler.conv.out_channels(), 2 * input.size(2), 2 * width);
  const auto rows = std::max(fewest_rows, rows_per_strip(input, strip_bytes) / 4);
  for_strips(input.size(2), rows, [&](std::int64_t first, std::int64_t count) {
    const auto begin = std::max<std::int64_t>(0, first - 1);
    const auto end = std::min(input.size(2), first + count + 1);
    const auto doubled = at::upsample_nearest2d(input.narrow(2, begin, end - begin),
                                                {2 * (end - begin), 2 * width});
    output.narrow(2, 2 * first, 2 * count)
        .copy_(upsampler.conv(doubled).narrow(2, 2 * (first - begin), 2 * count));
  });
  return output;
}

at::Tensor in_strips(const Downsample2D& downsampler, const at::Tensor& input,
                     std::int64_t strip_bytes) {
  // The VAE's: padded by a column and a row at the end only.
  const auto height = (input.size(2) - 2) / 2 + 1, width = (input.size(3) - 2) / 2 + 1;
  auto output = empty_map(input, downsampler.conv.out_channels(), height, width);
  const auto rows_each = rows_per_strip(input, strip_bytes) / 2;
  for_strips(height, rows_each, [&](std::int64_t first, std::int64_t count) {
    const auto end = std::min(input.size(2), 2 * (first + count) + 1);
    const auto rows = input.narrow(2, 2 * first, end - 2 * first);
    const auto below = 2 * (first + count) + 1 - end;
    output.narrow(2, first, count)
        .copy_(downsampler.conv(at::constant_pad_nd(rows, {0, 1, 0, below})));
  });
  return output;
}

}  // namespace dream::engine
