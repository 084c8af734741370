// The trained model as diffusers' save_pretrained tree, which every template loads.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/training/parameters.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::engine {

// By component ("unet", "text_encoder"), then by the tensor's name as ModelFolder::weights() gives
// it.
using TrainedTensors = std::map<std::string, NamedTensors>;

// Writes `base` with the tensors of `trained` in place of its own into `folder`, which is there;
// files of other names in it stay. UNet and text encoder are in fp16, what else the base has is as
// it is there, the VAE under names that diffusers before 0.17 reads too; the safety checker is left
// out, and the scheduler is DDIM with the noise schedule and prediction type of the base.
// `weights_format`: bin, safetensors or both. Returns what the user should know, a line each.
// Throws std::runtime_error: a tensor that the base does not have or has in another shape; a file
// that cannot be written.
std::vector<std::string> save_model(const weights::ModelFolder& base, const TrainedTensors& trained,
                                    const std::filesystem::path& folder,
                                    std::string_view weights_format);

}  // namespace dream::engine
