// Single-file Stable Diffusion checkpoints (`v1-5-pruned.ckpt`, a `.safetensors` of a community
// model): read as the diffusers folder they stand for, and written from one.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weights/store/model_source.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

class ModelFolder;

struct SingleFileOptions {
  // Folder of the tokenizer, which no single file holds (share/dream/clip_vocabulary). Empty: the
  // model has no tokenizer.
  std::filesystem::path vocabulary;
  // "epsilon" or "v_prediction", which no tensor tells. Unset: the metadata `modelspec.*`, a .yaml
  // of the same name beside the file, the training step of Stability's first base model, and else
  // epsilon for version 1 and for inpainting, v_prediction for version 2, as diffusers 0.42.1 does.
  std::optional<std::string> prediction_type;
  // Take the averaged UNet (`model_ema.*`) instead of the trained one.
  bool ema = false;
};

// A tensor to be written: the bytes of `parts` one after another.
struct JoinedTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<TensorView> parts;
};

// True when the file holds a UNet and a VAE under their original names. False for files that hold
// no tensors; throws Error for those that are damaged.
bool is_single_file(const std::filesystem::path& path);

// Throws Error naming the file and what it is instead, or what it lacks.
std::unique_ptr<ModelSource> open_single_file(const std::filesystem::path& path,
                                              const SingleFileOptions& options);

// The tensors of the checkpoint that stands for `model`, ordered by name. Throws Error naming the
// tensor that is missing; `note` receives one line per component whose other tensors are left out.
std::vector<JoinedTensor> to_single_file(const ModelFolder& model, std::vector<std::string>& notes);

// tokenizer_config.json or special_tokens_map.json of the vocabulary with another pad token, which
// is what sets the versions apart: "<|endoftext|>" in 1.x, "!" in 2.x.
std::string with_pad_token(const FileBytes& json_file, std::string_view pad);

}  // namespace dream::weights
