// A LoRA file of any layout, read and sorted by layer; nothing is computed yet.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sdk/engine/adapters/layer_names.hpp"
#include "sdk/engine/adapters/lora_key.hpp"
#include "sdk/engine/adapters/lora_layer.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

struct LoraFile {
  struct Layer {
    LoraTarget target;
    std::string name;  // flat, as LayerNames takes it
    std::shared_ptr<LoraLayer> parts;
  };

  std::string title;  // what messages call the file
  std::vector<Layer> layers;
  std::vector<std::string> unknown;  // keys of no known layout

  // Tensors are views into a memory map that the layers keep. Throws InvalidInput: the file cannot
  // be read, or is no LoRA (the message says what it is).
  static LoraFile read(const std::filesystem::path& path, const std::string& name);
};

// Puts the layers of `file` onto the tensors they change, at the user's `strength`, after what
// stands there already. Returns the keys that fit no layer of either model, and those of no known
// layout. Throws InvalidInput where none fits.
class LoraOverlays {
 public:
  LoraOverlays(const TensorShapes& unet, const TensorShapes& text_encoder);
  std::vector<std::string> add(const LoraFile& file, double strength);

  Overlay unet() const { return unet_.overlay(); }
  Overlay text_encoder() const { return text_encoder_.overlay(); }

 private:
  struct Change {
    std::shared_ptr<const LoraLayer> layer;
    double strength;
    bool bias;
  };
  struct Model {
    TensorShapes tensors;
    LayerNames names;
    std::map<std::string, std::vector<Change>> changes;

    // False when the model has no layer of this name; keys of parts that the layer has no place
    // for are appended to `unmatched`.
    bool add(const LoraFile::Layer& layer, double strength, std::vector<std::string>& unmatched);
    Overlay overlay() const;
  };
  Model unet_, text_encoder_;
};

}  // namespace dream::engine
