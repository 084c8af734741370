// The model that a training changes: plain layers in fp32, which share nothing with the models that
// the engine draws with.
#pragma once

#include <ATen/core/Generator.h>

#include <filesystem>
#include <string>
#include <vector>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/training.hpp"
#include "sdk/engine/training/lora_layers.hpp"
#include "sdk/engine/training/optimizer.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::engine {

class TrainedModel {
 public:
  // Reads the base of `request`. `first` draws what a LoRA begins with, `steps` what its dropout
  // leaves out. Throws InvalidInput for a base that cannot be trained so, std::runtime_error naming
  // file and key or tensor for one that cannot be read.
  TrainedModel(const TrainRequest& request, const std::filesystem::path& vocabulary,
               Compute compute, at::Generator first, const at::Generator& steps);

  const weights::ModelFolder& folder() const { return folder_; }
  // To compute with, and to draw samples with.
  const Components& parts() const { return parts_; }
  // What is trained: leaves that require gradients, "unet.…" before "text_encoder.…".
  const Parameters& parameters() const { return parameters_; }

  // Of a LoRA; empty where it does not reach.
  const LoraLayers& unet_layers() const { return unet_layers_; }
  const LoraLayers& text_encoder_layers() const { return text_encoder_layers_; }

 private:
  weights::ModelFolder folder_;
  LoraLayers unet_layers_, text_encoder_layers_;
  Components parts_;
  Parameters parameters_;
};

}  // namespace dream::engine
