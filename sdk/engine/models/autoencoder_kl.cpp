#include "sdk/engine/models/autoencoder_kl.hpp"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <string>
#include <utility>

namespace dream::engine {
namespace {

void check_block_types(Config& config, const std::string& key, std::size_t blocks,
                       const std::string& supported) {
  const auto types = config.texts(key);
  if (types.size() != blocks) {
    config.fail(key, fmt::format("needs {} entries, one per block", blocks));
  }
  for (const auto& type : types) {
    if (type != supported) {
      config.fail(key, fmt::format("names \"{}\"; supported: {}", type, supported));
    }
  }
}

std::vector<double> per_channel(Config& config, const std::string& key, std::int64_t channels) {
  auto values = config.numbers(key);
  if (!values.empty() && std::ssize(values) != channels) {
    config.fail(key, fmt::format("needs {} entries, one per latent channel", channels));
  }
  return values;
}

std::vector<ResnetBlock2D> resnets(const Weights& weights, std::int64_t count, std::int64_t in,
                                   std::int64_t out, const ResnetStyle& style) {
  std::vector<ResnetBlock2D> list;
  for (std::int64_t i = 0; i < count; ++i) {
    list.emplace_back(weights.scope(fmt::format("resnets.{}", i)), i == 0 ? in : out, out, style);
  }
  return list;
}

// Files from before diffusers 0.17 call the attention's layers query, key, value and proj_attn.
Linear attention_layer(const Weights& weights, const char* name, const char* old_name,
                       std::int64_t channels) {
  const bool is_old = weights.scope(old_name).has("weight");
  return {weights.scope(is_old ? old_name : name), channels, channels};
}

// Runs layers over maps, in strips where a map has more than `limit` bytes.
struct Runner {
  std::int64_t limit;

  std::int64_t strip_bytes() const { return limit / 16; }
  bool in_strips(const at::Tensor& map) const {
    return map.size(0) == 1 && static_cast<std::int64_t>(map.nbytes()) > limit;
  }
  template <class Layer>
  at::Tensor operator()(const Layer& layer, at::Tensor map) const {
    return in_strips(map) ? engine::in_strips(layer, std::move(map), strip_bytes())
                          : layer(map);
  }
  at::Tensor operator()(const ResnetBlock2D& resnet, at::Tensor map) const {
    return in_strips(map) ? engine::in_strips(resnet, std::move(map), strip_bytes())
                          : resnet(map, {});
  }
};

at::Tensor channel_values(const std::vector<double>& values, const at::Tensor& like) {
  return at::tensor(values, at::kDouble).to(like.options()).view({1, -1, 1, 1});
}

}  // namespace

AutoencoderConfig read_autoencoder_config(Config config, const Warn& warn) {
  AutoencoderConfig vae;
  vae.block_out_channels = config.integers("block_out_channels");
  const auto count = vae.block_out_channels.size();
  if (count == 0) config.fail("block_out_channels", "is missing or empty");
  if (count > 8) config.fail("block_out_channels", fmt::format("has {} entries, at most 8", count));
  for (const auto width : vae.block_out_channels) {
    if (width < 1) config.fail("block_out_channels", fmt::format("holds {}", width));
  }
  check_block_types(config, "down_block_types", count, "DownEncoderBlock2D");
  check_block_types(config, "up_block_types", count, "UpDecoderBlock2D");
  vae.in_channels = config.integer("in_channels", 3);
  vae.out_channels = config.integer("out_channels", 3);
  vae.latent_channels = config.integer("latent_channels", 4);
  if (vae.in_channels != 3 || vae.out_channels != 3) {
    config.fail("in_channels", "and out_channels must be 3: pictures are RGB");
  }
  vae.layers_per_block = config.integer("layers_per_block", 1);
  vae.resnet.groups = config.integer("norm_num_groups", 32);
  vae.resnet.act = activation(config, "act_fn", "silu");
  vae.mid_block_add_attention = config.flag("mid_block_add_attention", true);
  vae.use_quant_conv = config.flag("use_quant_conv", true);
  vae.use_post_quant_conv = config.flag("use_post_quant_conv", true);
  vae.scaling_factor = config.number("scaling_factor", 0.18215);
  vae.shift_factor = config.number("shift_factor", 0);
  vae.latents_mean = per_channel(config, "latents_mean", vae.latent_channels);
  vae.latents_std = per_channel(config, "latents_std", vae.latent_channels);
  // sample_size is that of training; force_upcast concerns other pipelines than this one.
  config.ignore({"sample_size", "force_upcast"});
  config.finish(warn);
  return vae;
}

PixelAttention::PixelAttention(const Weights& weights, std::int64_t channels,
                               const ResnetStyle& style)
    : group_norm(weights.scope("group_norm"), channels, style.groups, style.eps),
      to_q(attention_layer(weights, "to_q", "query", channels)),
      to_k(attention_layer(weights, "to_k", "key", channels)),
      to_v(attention_layer(weights, "to_v", "value", channels)),
      to_out(attention_layer(weights, "to_out.0", "proj_attn", channels)) {}

at::Tensor PixelAttention::operator()(const at::Tensor& hidden_states) const {
  const auto batch = hidden_states.size(0), channels = hidden_states.size(1);
  const auto height = hidden_states.size(2), width = hidden_states.size(3);
  const auto tokens =
      group_norm(hidden_states).permute({0, 2, 3, 1}).reshape({batch, height * width, channels});
  const auto attended = to_out(attend(to_q(tokens), to_k(tokens), to_v(tokens), /*heads=*/1));
  return attended.view({batch, height, width, channels}).permute({0, 3, 1, 2}) + hidden_states;
}

VaeMidBlock2D::VaeMidBlock2D(const Weights& weights, std::int64_t channels,
                             const AutoencoderConfig& config)
    : first(weights.scope("resnets.0"), channels, channels, config.resnet),
      second(weights.scope("resnets.1"), channels, channels, config.resnet) {
  if (config.mid_block_add_attention) {
    attention.emplace(weights.scope("attentions.0"), channels, config.resnet);
  }
}

at::Tensor VaeMidBlock2D::operator()(const at::Tensor& hidden_states) const {
  const auto hidden = first(hidden_states, {});
  return second(attention ? (*attention)(hidden) : hidden, {});
}

Encoder::Encoder(const Weights& weights, const AutoencoderConfig& config)
    : conv_in(weights.scope("conv_in"),
              {.in = config.in_channels, .out = config.block_out_channels.front()}),
      mid_block(weights.scope("mid_block"), config.block_out_channels.back(), config),
      conv_norm_out(weights.scope("conv_norm_out"), config.block_out_channels.back(),
                    config.resnet.groups, config.resnet.eps),
      conv_out(weights.scope("conv_out"),
               {.in = config.block_out_channels.back(), .out = 2 * config.latent_channels}) {
  const auto& widths = config.block_out_channels;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto block = weights.scope(fmt::format("down_blocks.{}", i));
    auto& down = down_blocks.emplace_back();
    down.resnets = resnets(block, config.layers_per_block, widths[i == 0 ? 0 : i - 1], widths[i],
                           config.resnet);
    if (i + 1 < widths.size()) {
      down.downsampler.emplace(block.scope("downsamplers.0"), widths[i], /*padding=*/0);
    }
  }
}

at::Tensor Encoder::operator()(const at::Tensor& sample, std::int64_t strip_limit) const {
  const Runner run{strip_limit};
  auto hidden = conv_in(sample.contiguous(at::MemoryFormat::ChannelsLast));
  for (const auto& block : down_blocks) {
    for (const auto& resnet : block.resnets) hidden = run(resnet, std::move(hidden));
    if (block.downsampler) hidden = run(*block.downsampler, std::move(hidden));
  }
  return conv_out(conv_norm_out(mid_block(hidden), Activation::silu));
}

Decoder::Decoder(const Weights& weights, const AutoencoderConfig& config)
    : conv_in(weights.scope("conv_in"),
              {.in = config.latent_channels, .out = config.block_out_channels.back()}),
      mid_block(weights.scope("mid_block"), config.block_out_channels.back(), config),
      conv_norm_out(weights.scope("conv_norm_out"), config.block_out_channels.front(),
                    config.resnet.groups, config.resnet.eps),
      conv_out(weights.scope("conv_out"),
               {.in = config.block_out_channels.front(), .out = config.out_channels}) {
  const std::vector<std::int64_t> widths(config.block_out_channels.rbegin(),
                                         config.block_out_channels.rend());
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto block = weights.scope(fmt::format("up_blocks.{}", i));
    auto& up = up_blocks.emplace_back();
    up.resnets = resnets(block, config.layers_per_block + 1, widths[i == 0 ? 0 : i - 1], widths[i],
                         config.resnet);
    if (i + 1 < widths.size()) up.upsampler.emplace(block.scope("upsamplers.0"), widths[i]);
  }
}

at::Tensor Decoder::operator()(const at::Tensor& sample, std::int64_t strip_limit) const {
  const Runner run{strip_limit};
  auto hidden = mid_block(conv_in(sample));
  for (const auto& block : up_blocks) {
    for (const auto& resnet : block.resnets) hidden = run(resnet, std::move(hidden));
    if (block.upsampler) hidden = run(*block.upsampler, std::move(hidden));
  }
  if (run.in_strips(hidden)) {
    return in_strips(conv_norm_out, Activation::silu, conv_out, hidden, run.strip_bytes());
  }
  return conv_out(conv_norm_out(hidden, Activation::silu));
}

AutoencoderKL::AutoencoderKL(const AutoencoderConfig& config, const Weights& weights)
    : config_(config),
      compute_(weights.compute()),
      encoder_(weights.scope("encoder"), config),
      decoder_(weights.scope("decoder"), config) {
  const auto pointwise = [&](const char* name, std::int64_t channels) {
    return Conv2d(weights.scope(name),
                  {.in = channels, .out = channels, .kernel = 1, .padding = 0});
  };
  if (config.use_quant_conv) quant_conv_ = pointwise("quant_conv", 2 * config.latent_channels);
  if (config.use_post_quant_conv) {
    post_quant_conv_ = pointwise("post_quant_conv", config.latent_channels);
  }
}

at::Tensor AutoencoderKL::decode(const at::Tensor& latents, std::int64_t strip_limit) const {
  const auto sample = latents.contiguous(at::MemoryFormat::ChannelsLast);
  return decoder_(post_quant_conv_ ? (*post_quant_conv_)(sample) : sample, strip_limit);
}

DiagonalGaussian AutoencoderKL::encode(const at::Tensor& pixels, std::int64_t strip_limit) const {
  const auto encoded = encoder_(pixels, strip_limit);
  const auto moments = (quant_conv_ ? (*quant_conv_)(encoded) : encoded).chunk(2, 1);
  constexpr double lowest = -30, highest = 20;  // keeps exp() finite
  return {moments[0], moments[1].clamp(lowest, highest)};
}

at::Tensor AutoencoderKL::to_raw(const at::Tensor& latents) const {
  auto raw = latents;
  if (!config_.latents_std.empty()) raw = raw * channel_values(config_.latents_std, raw);
  raw = raw / config_.scaling_factor;
  if (!config_.latents_mean.empty()) raw = raw + channel_values(config_.latents_mean, raw);
  return config_.shift_factor == 0 ? raw : raw + config_.shift_factor;
}

at::Tensor AutoencoderKL::from_raw(const at::Tensor& raw) const {
  auto latents = config_.shift_factor == 0 ? raw : raw - config_.shift_factor;
  if (!config_.latents_mean.empty()) {
    latents = latents - channel_values(config_.latents_mean, latents);
  }
  latents = latents * config_.scaling_factor;
  if (config_.latents_std.empty()) return latents;
  return latents / channel_values(config_.latents_std, latents);
}

}  // namespace dream::engine
