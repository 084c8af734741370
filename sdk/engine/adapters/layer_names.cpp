#include "sdk/engine/adapters/layer_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace dream::engine {
namespace {

using Modules = std::set<std::string, std::less<>>;

Modules modules_of(const TensorShapes& tensors) {
  Modules modules;
  for (const auto& [name, shape] : tensors) modules.insert(name.substr(0, name.rfind('.')));
  return modules;
}

bool has_below(const Modules& modules, const std::string& prefix) {
  const auto next = modules.lower_bound(prefix);
  return next != modules.end() && next->starts_with(prefix);
}

int count_below(const Modules& modules, const std::string& prefix) {
  int count = 0;
  while (has_below(modules, fmt::format("{}{}.", prefix, count))) ++count;
  return count;
}

struct Renaming {
  std::string from, to;  // prefixes
};

// Block by block, as CompVis' openaimodel.py numbers them: every layer of the way down is one
// input block, a downsampler one more; on the way up the upsampler sits in the last layer's block.
std::vector<Renaming> original_blocks(const Modules& modules) {
  std::vector<Renaming> names = {{"time_embedding.linear_1", "time_embed.0"},
                                 {"time_embedding.linear_2", "time_embed.2"},
                                 {"conv_in", "input_blocks.0.0"},
                                 {"conv_norm_out", "out.0"},
                                 {"conv_out", "out.2"},
                                 {"mid_block.resnets.0.", "middle_block.0."},
                                 {"mid_block.attentions.0.", "middle_block.1."},
                                 {"mid_block.resnets.1.", "middle_block.2."}};
  int index = 1;
  for (int i = 0; has_below(modules, fmt::format("down_blocks.{}.", i)); ++i) {
    const auto block = fmt::format("down_blocks.{}.", i);
    const int layers = count_below(modules, block + "resnets.");
    for (int j = 0; j < layers; ++j, ++index) {
      names.push_back({fmt::format("{}resnets.{}.", block, j),
                       fmt::format("input_blocks.{}.0.", index)});
      names.push_back({fmt::format("{}attentions.{}.", block, j),
                       fmt::format("input_blocks.{}.1.", index)});
    }
    if (!has_below(modules, block + "downsamplers.0.")) continue;
    names.push_back({block + "downsamplers.0.conv", fmt::format("input_blocks.{}.0.op", index++)});
  }
  index = 0;
  for (int i = 0; has_below(modules, fmt::format("up_blocks.{}.", i)); ++i) {
    const auto block = fmt::format("up_blocks.{}.", i);
    const int layers = count_below(modules, block + "resnets.");
    for (int j = 0; j < layers; ++j, ++index) {
      names.push_back({fmt::format("{}resnets.{}.", block, j),
                       fmt::format("output_blocks.{}.0.", index)});
      names.push_back({fmt::format("{}attentions.{}.", block, j),
                       fmt::format("output_blocks.{}.1.", index)});
    }
    names.push_back({block + "upsamplers.0.",
                     fmt::format("output_blocks.{}.{}.", index - 1,
                                 has_below(modules, block + "attentions.0.") ? 2 : 1)});
  }
  return names;
}

// Inside a residual block.
std::string original_layer(std::string_view layer) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"norm1", "in_layers.0"},          {"conv1", "in_layers.2"},
      {"time_emb_proj", "emb_layers.1"}, {"norm2", "out_layers.0"},
      {"conv2", "out_layers.3"},         {"conv_shortcut", "skip_connection"},
  };
  for (const auto& [ours, original] : names) {
    if (layer == ours) return std::string(original);
  }
  return std::string(layer);
}

std::string original_name(std::string_view module, const std::vector<Renaming>& blocks) {
  for (const auto& [from, to] : blocks) {
    const bool whole = !from.ends_with('.');
    if (whole ? module != from : !module.starts_with(from)) continue;
    const auto rest = module.substr(from.size());
    return to + (from.find("resnets") == std::string::npos ? std::string(rest)
                                                           : original_layer(rest));
  }
  return {};
}

}  // namespace

void LayerNames::add(std::string name, const std::string& module) {
  if (name.empty()) return;
  std::ranges::replace(name, '.', '_');
  // Files say to_out for the layer that diffusers keeps at to_out.0.
  if (name.ends_with("_to_out_0")) modules_.emplace(name.substr(0, name.size() - 2), module);
  modules_.emplace(std::move(name), module);
}

LayerNames LayerNames::of_unet(const TensorShapes& tensors) {
  LayerNames names;
  const auto modules = modules_of(tensors);
  const auto blocks = original_blocks(modules);
  for (const auto& module : modules) {
    names.add(module, module);
    names.add(original_name(module, blocks), module);
  }
  return names;
}

LayerNames LayerNames::of_text_encoder(const TensorShapes& tensors) {
  constexpr std::string_view prefix = "text_model.";
  constexpr std::pair<std::string_view, std::string_view> old_projections[] = {
      {"q_proj", "to_q"}, {"k_proj", "to_k"}, {"v_proj", "to_v"}, {"out_proj", "to_out"}};
  LayerNames names;
  for (const auto& module : modules_of(tensors)) {
    auto name = module;
    names.add(name, module);
    // Newer transformers leave the prefix out.
    if (name.starts_with(prefix)) names.add(name.substr(prefix.size()), module);
    // Old diffusers call the text encoder's projections as the UNet's.
    for (const auto& [ours, old] : old_projections) {
      if (!name.ends_with(ours)) continue;
      name.replace(name.size() - ours.size(), ours.size(), old);
      names.add(name, module);
    }
  }
  return names;
}

std::string_view LayerNames::find(std::string_view flat_name) const {
  const auto found = modules_.find(flat_name);
  return found == modules_.end() ? std::string_view() : found->second;
}

}  // namespace dream::engine
