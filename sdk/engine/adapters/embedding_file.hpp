// A textual inversion: vectors for the text encoder in place of a word's own (arXiv 2208.01618).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

struct EmbeddingFile {
  std::string token;   // the word that calls it
  at::Tensor vectors;  // [count, width] in fp32 on the CPU

  // diffusers' {token: tensor}, AUTOMATIC1111's string_to_param with its name, and emb_params or a
  // bare tensor, which are called by the name of `file`. Throws InvalidInput that names the file:
  // it cannot be read, is no textual inversion, is not `width` wide, holds NaN or more vectors than
  // `most`.
  static EmbeddingFile read(const WeightOverlay& file, std::int64_t width, std::int64_t most);
};

}  // namespace dream::engine
