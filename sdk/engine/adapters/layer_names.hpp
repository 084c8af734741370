// From the flat layer names of LoRA files to the engine's modules. A file may use diffusers' names
// (`down_blocks_0_attentions_0_…`) or those of the original checkpoints (`input_blocks_1_1_…`);
// both follow from the tensors that the loaded model has. Torch-free.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dream::engine {

using TensorShapes = std::map<std::string, std::vector<std::int64_t>, std::less<>>;

class LayerNames {
 public:
  // Every module of a UNet or of a text encoder, by each name it is known under.
  static LayerNames of_unet(const TensorShapes& tensors);
  static LayerNames of_text_encoder(const TensorShapes& tensors);

  // The module, e.g. "mid_block.resnets.0.conv1"; empty when there is none of this name.
  std::string_view find(std::string_view flat_name) const;

 private:
  void add(std::string name, const std::string& module);
  std::map<std::string, std::string, std::less<>> modules_;
};

}  // namespace dream::engine
