// The models that can be made from nothing: configs as the published folders have them, and
// miniatures of the same shape for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dream::weights {

struct ArchitectureComponent {
  std::string name;        // folder, e.g. "unet"; empty for a model that is one component
  std::string library;     // "diffusers" or "transformers"
  std::string class_name;  // e.g. "UNet2DConditionModel"
  nlohmann::json config;
};

struct Architecture {
  std::vector<ArchitectureComponent> components;
  std::string pipeline;        // class of model_index.json; empty for a single component
  nlohmann::json scheduler;    // scheduler_config.json; null for a single component
  std::string_view pad_token = "<|endoftext|>";
};

// "sd15", "sd15-tiny", "sd15-inpaint", "sd15-inpaint-tiny", "sd21", "sd21-base", "sd21-tiny",
// "controlnet", "controlnet-tiny", "controlnet-emoji", "t2i-adapter" and its kinds. "-tiny" fits
// sd15-tiny, "-emoji" the bundled emoji-sd.
std::vector<std::string> architecture_names();

// Throws Error naming the known ones.
Architecture find_architecture(std::string_view name);

}  // namespace dream::weights
