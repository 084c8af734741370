#include "weights/models/original_adapter.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace dream::weights {
namespace {

using nlohmann::json;

constexpr std::int64_t downscale_factor = 8;  // of the first pixel unshuffle, in all of them
constexpr std::size_t levels = 4;
constexpr int most_blocks = 64;

bool has(const WeightMap& tensors, const std::string& name) {
  return tensors.contains(name);
}

// "body.12.in_conv.weight" -> 12, "in_conv.weight"; -1 for another name.
std::pair<int, std::string_view> split_body(std::string_view name) {
  constexpr std::string_view start = "body.";
  if (!name.starts_with(start)) return {-1, name};
  name.remove_prefix(start.size());
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  if (error != std::errc() || number < 0 || number >= most_blocks || !name.starts_with('.'))
    return {-1, name};
  return {number, name.substr(1)};
}

std::int64_t size_of(const WeightMap& tensors, const std::string& name, std::size_t dimension,
                     const std::string& file) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.shape.size() != 4)
    throw Error(fmt::format("{}: lacks the convolution '{}' of a T2I-Adapter", file, name));
  return found->second.shape[dimension];
}

std::int64_t picture_channels(std::int64_t unshuffled, const std::string& file) {
  constexpr auto pixels = downscale_factor * downscale_factor;
  if (unshuffled < pixels || unshuffled % pixels != 0)
    throw Error(fmt::format("{}: its first convolution takes {} channels, no multiple of {}", file,
                            unshuffled, pixels));
  return unshuffled / pixels;
}

json adapter_config(const char* type, std::int64_t in_channels, const json& channels,
                    std::int64_t blocks) {
  return {{"_class_name", "T2IAdapter"},          {"adapter_type", type},
          {"channels", channels},                 {"downscale_factor", downscale_factor},
          {"in_channels", in_channels},           {"num_res_blocks", blocks}};
}

void rename_all(WeightMap& tensors, const auto& new_name) {
  WeightMap renamed;
  for (auto& [name, view] : tensors) renamed[new_name(name)] = std::move(view);
  tensors = std::move(renamed);
}

// The blocks of all levels stand one after another.
json convert_full(WeightMap& tensors, const std::string& file) {
  int count = 0;
  while (has(tensors, fmt::format("body.{}.block1.weight", count))) ++count;
  const int blocks = count / static_cast<int>(levels);
  if (blocks == 0 || count % static_cast<int>(levels) != 0)
    throw Error(fmt::format("{}: has {} residual blocks, no multiple of {}", file, count, levels));
  json channels = json::array();
  for (std::size_t level = 0; level < levels; ++level) {
    channels.push_back(size_of(tensors, fmt::format("body.{}.block1.weight", level * blocks), 0,
                               file));
  }
  const auto in = picture_channels(size_of(tensors, "conv_in.weight", 1, file), file);
  rename_all(tensors, [&](const std::string& name) {
    const auto [block, rest] = split_body(name);
    if (block < 0) return "adapter." + name;
    if (rest.starts_with("in_conv."))
      return fmt::format("adapter.body.{}.{}", block / blocks, rest);
    return fmt::format("adapter.body.{}.resnets.{}.{}", block / blocks, block % blocks, rest);
  });
  return adapter_config("full_adapter", in, channels, blocks);
}

json convert_light(WeightMap& tensors, const std::string& file) {
  int blocks = 0;
  while (has(tensors, fmt::format("body.0.body.{}.block1.weight", blocks))) ++blocks;
  json channels = json::array();  // the last level has its neighbour's width and is not listed
  for (std::size_t level = 0; level + 1 < levels; ++level) {
    channels.push_back(size_of(tensors, fmt::format("body.{}.out_conv.weight", level), 0, file));
  }
  const auto in = picture_channels(size_of(tensors, "body.0.in_conv.weight", 1, file), file);
  rename_all(tensors, [&](const std::string& name) {
    const auto [level, rest] = split_body(name);
    const auto [block, inner] = split_body(rest);
    if (block < 0) return "adapter." + name;
    return fmt::format("adapter.body.{}.resnets.{}.{}", level, block, inner);
  });
  return adapter_config("light_adapter", in, channels, blocks);
}

bool is_light(const WeightMap& tensors) {
  return has(tensors, "body.0.out_conv.weight") && has(tensors, "body.0.body.0.block1.weight");
}

}  // namespace

bool is_original_adapter(const WeightMap& tensors) {
  return is_light(tensors) ||
         (has(tensors, "conv_in.weight") && has(tensors, "body.0.block1.weight"));
}

json convert_original_adapter(WeightMap& tensors, const std::string& file) {
  return is_light(tensors) ? convert_light(tensors, file) : convert_full(tensors, file);
}

}  // namespace dream::weights
