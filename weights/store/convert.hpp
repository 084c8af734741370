// Weights in another form: other files, another precision, another arrangement. Streams from
// memory maps, so that a model of any size needs little memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "weights/store/single_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

enum class Target {
  safetensors,  // the same arrangement, in safetensors
  bin,          // the same arrangement, in files of torch.save
  diffusers,    // a diffusers folder, in safetensors
  single_file,  // one checkpoint with the original names
};

struct ConvertOptions {
  Target target = Target::safetensors;
  std::optional<DType> dtype;  // f32, f16 or bf16, of floating-point tensors; unset: as they are
  // Larger safetensors files of a model folder are split into shards, as diffusers does.
  std::uint64_t shard_bytes = 10'000'000'000;
  SingleFileOptions single_file;  // how `in` is read if it is a single file
};

struct Converted {
  std::vector<std::filesystem::path> files;  // what was written
  std::vector<std::string> notes;            // what the user should know
};

// Converts `in` (a weight file, a component's folder is not one; a diffusers folder, an output.zip,
// a single-file checkpoint) to `out`:
//   - a model to a diffusers folder, or to an output.zip when `out` ends with `.zip`;
//   - anything else to one file; one that ends with .safetensors, .ckpt, .bin, .pt or .pth must
//     agree with what is asked for.
// A single-file checkpoint stays one with `safetensors` and `bin`. `out` must not exist, or be an
// empty folder; it appears whole or not at all. Throws Error that names file and tensor.
Converted convert(const std::filesystem::path& in, const std::filesystem::path& out,
                  const ConvertOptions& options);

}  // namespace dream::weights
