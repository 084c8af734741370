// A vision transformer over patches ("An Image is Worth 16x16 Words", arXiv 2010.11929) at any
// size, of which the tokens after single blocks are wanted. Names equal timm's VisionTransformer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "sdk/engine/tensor/layers.hpp"

namespace dream::engine {

struct VisionTransformerBlock {
  VisionTransformerBlock(const Weights& weights, std::int64_t width, std::int64_t heads);
  // [batch, tokens, width] to the same shape.
  at::Tensor operator()(const at::Tensor& x) const;

  std::int64_t heads;
  LayerNorm norm1, norm2;
  Linear qkv, proj, fc1, fc2;
};

struct VisionTransformer {
  struct Shape {
    std::int64_t width = 768, heads = 12, blocks = 12;
    std::int64_t grid = 24;  // patches per side of the pictures it was trained on
  };
  VisionTransformer(const Weights& weights, const Shape& shape);
  // Patches [1, width, rows, columns], in any number, to the tokens [1, 1 + rows * columns, width]
  // after each block of `wanted` (ascending). The class token is the first.
  std::vector<at::Tensor> operator()(const at::Tensor& patches,
                                     const std::vector<std::size_t>& wanted) const;

  at::Tensor cls_token, pos_embed;
  std::int64_t grid;
  std::vector<VisionTransformerBlock> blocks;
};

}  // namespace dream::engine
