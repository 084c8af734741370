// A weight file that is no model but is laid over one: a LoRA, a textual inversion.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "weights/tensor_view.hpp"

namespace dream::weights {

struct OverlayFile {
  WeightMap tensors;                            // views that keep the file mapped
  std::map<std::string, std::string> metadata;  // safetensors' __metadata__, else empty
  std::map<std::string, std::string> texts;     // of a torch file, beside its tensors
};

// Any format that a single file may have, or the output.zip of a LoRA's training. Throws Error that
// names the path.
OverlayFile read_overlay_file(const std::filesystem::path& path);

}  // namespace dream::weights
