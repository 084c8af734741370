#include "weights/models/original_names.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "weights/models/layout_builder.hpp"

namespace dream::weights {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Takes `start` off the front of `text`.
bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// Takes "12." off the front of `text`.
int take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  take(text, ".");
  return number;
}

// `name` with the first start that the table knows replaced.
template <std::size_t count>
std::string renamed(std::string_view name, const std::array<Pair, count>& table) {
  for (const auto& [from, to] : table) {
    if (name.starts_with(from)) return fmt::format("{}{}", to, name.substr(from.size()));
  }
  return std::string(name);
}

constexpr std::array<Pair, 6> unet_resnet = {{{"norm1.", "in_layers.0."},
                                              {"conv1.", "in_layers.2."},
                                              {"time_emb_proj.", "emb_layers.1."},
                                              {"norm2.", "out_layers.0."},
                                              {"conv2.", "out_layers.3."},
                                              {"conv_shortcut.", "skip_connection."}}};
constexpr std::array<Pair, 6> unet_ends = {{{"conv_in.", "input_blocks.0.0."},
                                            {"time_embedding.linear_1.", "time_embed.0."},
                                            {"time_embedding.linear_2.", "time_embed.2."},
                                            {"time_embedding.cond_proj.", "time_embed.cond_proj."},
                                            {"conv_norm_out.", "out.0."},
                                            {"conv_out.", "out.2."}}};
constexpr std::array<Pair, 1> vae_resnet = {{{"conv_shortcut.", "nin_shortcut."}}};
constexpr std::array<Pair, 9> vae_attention = {{{"group_norm.", "norm."},
                                                {"to_q.", "q."},
                                                {"to_k.", "k."},
                                                {"to_v.", "v."},
                                                {"to_out.0.", "proj_out."},
                                                {"query.", "q."},
                                                {"key.", "k."},
                                                {"value.", "v."},
                                                {"proj_attn.", "proj_out."}}};
constexpr std::array<Pair, 3> open_clip_ends = {
    {{"embeddings.token_embedding.", "token_embedding."},
     {"embeddings.position_embedding.weight", "positional_embedding"},
     {"final_layer_norm.", "ln_final."}}};
constexpr std::array<Pair, 5> open_clip_layer = {{{"self_attn.out_proj.", "attn.out_proj."},
                                                  {"layer_norm1.", "ln_1."},
                                                  {"layer_norm2.", "ln_2."},
                                                  {"mlp.fc1.", "mlp.c_fc."},
                                                  {"mlp.fc2.", "mlp.c_proj."}}};

std::string unet_down_name(std::string_view rest, std::int64_t layers) {
  const auto first = take_number(rest) * (layers + 1);
  if (take(rest, "downsamplers.0.conv."))
    return fmt::format("input_blocks.{}.0.op.{}", first + layers + 1, rest);
  const bool is_resnet = take(rest, "resnets.");
  if (!is_resnet) take(rest, "attentions.");
  const auto block = first + take_number(rest) + 1;
  return is_resnet ? fmt::format("input_blocks.{}.0.{}", block, renamed(rest, unet_resnet))
                   : fmt::format("input_blocks.{}.1.{}", block, rest);
}

std::string unet_up_name(std::string_view rest, std::int64_t layers,
                         const nlohmann::json& config) {
  const auto level = take_number(rest);
  const auto first = level * (layers + 1);
  if (take(rest, "upsamplers.0.")) {
    const std::string kind = config_names(config, "up_block_types").at(level);
    return fmt::format("output_blocks.{}.{}.{}", first + layers, kind == "UpBlock2D" ? 1 : 2, rest);
  }
  const bool is_resnet = take(rest, "resnets.");
  if (!is_resnet) take(rest, "attentions.");
  const auto block = first + take_number(rest);
  return is_resnet ? fmt::format("output_blocks.{}.0.{}", block, renamed(rest, unet_resnet))
                   : fmt::format("output_blocks.{}.1.{}", block, rest);
}

}  // namespace

std::string original_unet_name(std::string_view name, const nlohmann::json& config) {
  const std::int64_t layers = config_integer(config, "layers_per_block", 2);
  std::string_view rest = name;
  if (take(rest, "down_blocks.")) return unet_down_name(rest, layers);
  if (take(rest, "up_blocks.")) return unet_up_name(rest, layers, config);
  if (take(rest, "mid_block.attentions.0.")) return fmt::format("middle_block.1.{}", rest);
  if (take(rest, "mid_block.resnets.")) {
    const int block = 2 * take_number(rest);
    return fmt::format("middle_block.{}.{}", block, renamed(rest, unet_resnet));
  }
  return renamed(name, unet_ends);
}

std::string original_controlnet_name(std::string_view name, const nlohmann::json& config) {
  std::string_view rest = name;
  if (take(rest, "controlnet_down_blocks.")) {
    const int block = take_number(rest);
    return fmt::format("zero_convs.{}.0.{}", block, rest);
  }
  if (take(rest, "controlnet_mid_block.")) return fmt::format("middle_block_out.0.{}", rest);
  if (!take(rest, "controlnet_cond_embedding.")) return original_unet_name(name, config);
  if (take(rest, "conv_in.")) return fmt::format("input_hint_block.0.{}", rest);
  if (take(rest, "blocks.")) {
    const int block = take_number(rest);
    return fmt::format("input_hint_block.{}.{}", 2 * block + 2, rest);
  }
  take(rest, "conv_out.");
  const auto widths = config_integers(config, "conditioning_embedding_out_channels").size();
  return fmt::format("input_hint_block.{}.{}", 4 * widths - 2, rest);
}

std::string original_vae_name(std::string_view name, const nlohmann::json& config) {
  std::string_view rest = name;
  const std::string_view side = take(rest, "encoder.") ? "encoder." : "decoder.";
  if (side == "decoder." && !take(rest, "decoder.")) return std::string(name);
  const bool down = take(rest, "down_blocks.");
  if (down || take(rest, "up_blocks.")) {
    const auto levels = static_cast<int>(config_integers(config, "block_out_channels").size());
    const int block = take_number(rest);
    const std::string level =
        fmt::format("{}{}.{}.", side, down ? "down" : "up", down ? block : levels - 1 - block);
    if (take(rest, "downsamplers.0.")) return level + "downsample." + std::string(rest);
    if (take(rest, "upsamplers.0.")) return level + "upsample." + std::string(rest);
    take(rest, "resnets.");
    const int layer = take_number(rest);
    return fmt::format("{}block.{}.{}", level, layer, renamed(rest, vae_resnet));
  }
  if (take(rest, "mid_block.attentions.0."))
    return fmt::format("{}mid.attn_1.{}", side, renamed(rest, vae_attention));
  if (take(rest, "mid_block.resnets.")) {
    const int layer = take_number(rest) + 1;
    return fmt::format("{}mid.block_{}.{}", side, layer, renamed(rest, vae_resnet));
  }
  if (take(rest, "conv_norm_out.")) return fmt::format("{}norm_out.{}", side, rest);
  return std::string(name);
}

OriginalTensor original_open_clip_name(std::string_view name) {
  take(name, "text_model.");
  if (!take(name, "encoder.layers.")) return {renamed(name, open_clip_ends)};
  const std::string layer = fmt::format("transformer.resblocks.{}.", take_number(name));
  constexpr std::array<std::string_view, 3> parts = {"self_attn.q_proj.", "self_attn.k_proj.",
                                                     "self_attn.v_proj."};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (take(name, parts[i]))
      return {fmt::format("{}attn.in_proj_{}", layer, name), static_cast<int>(i)};
  }
  return {layer + renamed(name, open_clip_layer)};
}

std::string original_ema_name(std::string_view original_unet_name) {
  std::string name = "model_ema.diffusion_model";
  std::copy_if(original_unet_name.begin(), original_unet_name.end(), std::back_inserter(name),
               [](char c) { return c != '.'; });
  return name;
}

}  // namespace dream::weights
