// Networks that steer a UNet by a picture, in every form they are published in, to diffusers'
// configs and names: ControlNets (diffusers; lllyasviel/ControlNet's single files) and T2I-Adapters
// (diffusers; TencentARC/T2I-Adapter's .pth, the style adapter among them).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "weights/tensor_view.hpp"

namespace dream::weights {

enum class ControlFileKind { controlnet, adapter, style_adapter };

struct ControlFile {
  ControlFileKind kind = ControlFileKind::controlnet;
  nlohmann::json config;  // config.json; of a style adapter, whose shapes say all, empty
  WeightMap tensors;      // a style adapter's keep their names
};

// A folder (config.json and weights, or one weight file alone) or a weight file. A ControlNet
// without config has the one its shapes tell, with what leaves no trace in them as published.
// Throws Error that names the path and what is wrong.
ControlFile read_control_file(const std::filesystem::path& path);

}  // namespace dream::weights
