#include "sdk/engine/models/t2i_adapter.hpp"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>

#include <utility>

namespace dream::engine {

T2IAdapterConfig read_t2i_adapter_config(Config config, const Warn& warn) {
  T2IAdapterConfig adapter;
  const auto type = config.text("adapter_type", "full_adapter");
  if (type != "full_adapter" && type != "light_adapter") {
    config.fail("adapter_type",
                fmt::format("is \"{}\"; supported: full_adapter, light_adapter", type));
  }
  adapter.light = type == "light_adapter";
  adapter.in_channels = config.integer("in_channels", 3);
  if (adapter.in_channels != 1 && adapter.in_channels != 3)
    config.fail("in_channels", fmt::format("is {}; supported: 1, 3", adapter.in_channels));
  adapter.channels = config.integers("channels");
  if (adapter.channels.empty()) config.fail("channels", "is missing or empty");
  for (const auto width : adapter.channels) {
    if (width < 4) config.fail("channels", fmt::format("holds {}", width));
  }
  adapter.num_res_blocks = config.integer("num_res_blocks", 2);
  adapter.downscale_factor = config.integer("downscale_factor", 8);
  if (adapter.downscale_factor < 1)
    config.fail("downscale_factor", fmt::format("is {}", adapter.downscale_factor));
  config.finish(warn);
  // A light adapter's last level has its neighbour's width, which its config does not list.
  if (adapter.light) adapter.channels.push_back(adapter.channels.back());
  return adapter;
}

T2IAdapter::Level T2IAdapter::level(const Weights& weights, std::int64_t in, std::int64_t out,
                                    bool down, const T2IAdapterConfig& config) {
  const auto conv = [&](const char* name, std::int64_t from, std::int64_t to) {
    return Conv2d(weights.scope(name), {.in = from, .out = to, .kernel = 1, .padding = 0});
  };
  Level made;
  made.down = down;
  const auto inner = config.light ? out / 4 : out;
  if (config.light || in != out) made.in_conv = conv("in_conv", in, inner);
  for (std::int64_t i = 0; i < config.num_res_blocks; ++i) {
    const auto resnet = weights.scope(fmt::format("resnets.{}", i));
    const Conv2d::Shape wide{.in = inner, .out = inner};
    const Conv2d::Shape pointwise{.in = inner, .out = inner, .kernel = 1, .padding = 0};
    made.resnets.push_back({{resnet.scope("block1"), wide},
                            {resnet.scope("block2"), config.light ? wide : pointwise}});
  }
  if (config.light) made.out_conv = conv("out_conv", inner, out);
  return made;
}

T2IAdapter::T2IAdapter(const T2IAdapterConfig& config, const Weights& all) : config_(config) {
  const auto weights = all.scope("adapter");
  auto in = config.in_channels * config.downscale_factor * config.downscale_factor;
  if (!config.light) {
    conv_in_.emplace(weights.scope("conv_in"),
                     Conv2d::Shape{.in = in, .out = config.channels.front()});
    in = config.channels.front();
  }
  for (std::size_t i = 0; i < config.channels.size(); ++i) {
    body_.push_back(level(weights.scope(fmt::format("body.{}", i)), in, config.channels[i], i > 0,
                          config));
    in = config.channels[i];
  }
}

std::vector<at::Tensor> T2IAdapter::forward(const at::Tensor& picture) const {
  auto hidden = at::pixel_unshuffle(picture, config_.downscale_factor)
                    .contiguous(at::MemoryFormat::ChannelsLast);
  if (conv_in_) hidden = (*conv_in_)(hidden);
  std::vector<at::Tensor> features;
  for (const auto& part : body_) {
    if (part.down)
      hidden = at::avg_pool2d(hidden, {2, 2}, {2, 2}, {0, 0}, /*ceil_mode=*/true);
    if (part.in_conv) hidden = (*part.in_conv)(hidden);
    for (const auto& resnet : part.resnets)
      hidden = resnet.block2(at::relu(resnet.block1(hidden))) + hidden;
    if (part.out_conv) hidden = (*part.out_conv)(hidden);
    features.push_back(hidden);
  }
  return features;
}

}  // namespace dream::engine
