// The tensors of T2I-Adapters, with diffusers' names (models/adapter.py: full and light).
#include <fmt/core.h>

#include <algorithm>

#include "weights/models/layout.hpp"
#include "weights/models/layout_builder.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

void add_full_level(LayoutBuilder& model, const std::string& level, std::int64_t in,
                    std::int64_t out, std::int64_t blocks) {
  if (in != out) model.conv(level + ".in_conv", in, out, 1);
  for (std::int64_t i = 0; i < blocks; ++i) {
    model.conv(fmt::format("{}.resnets.{}.block1", level, i), out, out, 3);
    model.conv(fmt::format("{}.resnets.{}.block2", level, i), out, out, 1);
  }
}

void add_light_level(LayoutBuilder& model, const std::string& level, std::int64_t in,
                     std::int64_t out, std::int64_t blocks) {
  const std::int64_t inner = out / 4;
  model.conv(level + ".in_conv", in, inner, 1);
  for (std::int64_t i = 0; i < blocks; ++i) {
    model.conv(fmt::format("{}.resnets.{}.block1", level, i), inner, inner, 3);
    model.conv(fmt::format("{}.resnets.{}.block2", level, i), inner, inner, 3);
  }
  model.conv(level + ".out_conv", inner, out, 1);
}

}  // namespace

std::vector<TensorShape> t2i_adapter_layout(const nlohmann::json& config) {
  const std::string type = config.value("adapter_type", "full_adapter");
  if (type != "full_adapter" && type != "light_adapter")
    throw Error(fmt::format("config.json: \"adapter_type\" is '{}', known are full_adapter and "
                            "light_adapter",
                            type));
  const auto channels = config_integers(config, "channels");
  const std::int64_t blocks = config_integer(config, "num_res_blocks", 2);
  const std::int64_t scale = config_integer(config, "downscale_factor", 8);
  const std::int64_t picture = config_integer(config, "in_channels", 3) * scale * scale;
  LayoutBuilder model;
  if (type == "full_adapter") {
    model.conv("adapter.conv_in", picture, channels.front(), 3);
    std::int64_t width = channels.front();
    for (std::size_t i = 0; i < channels.size(); ++i) {
      add_full_level(model, fmt::format("adapter.body.{}", i), width, channels[i], blocks);
      width = channels[i];
    }
    return model.take();
  }
  std::int64_t width = picture;  // a light adapter has its last level twice
  for (std::size_t i = 0; i <= channels.size(); ++i) {
    const std::int64_t out = channels[std::min(i, channels.size() - 1)];
    add_light_level(model, fmt::format("adapter.body.{}", i), width, out, blocks);
    width = out;
  }
  return model.take();
}

}  // namespace dream::weights
