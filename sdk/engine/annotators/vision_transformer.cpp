#include "sdk/engine/annotators/vision_transformer.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <fmt/format.h>

#include <algorithm>

#include "sdk/engine/annotators/layers.hpp"

namespace dream::engine {
namespace {

constexpr double norm_eps = 1e-6;

// [1, width, rows, columns] to [1, rows * columns, width].
at::Tensor to_tokens(const at::Tensor& map) {
  return map.flatten(2).transpose(1, 2);
}

// Positions learnt on a square grid, stretched over the picture's.
at::Tensor stretched(const at::Tensor& pos_embed, std::int64_t grid, std::int64_t rows,
                     std::int64_t columns) {
  const auto positions = pos_embed.narrow(1, 1, grid * grid);
  const auto map = positions.transpose(1, 2).reshape({1, pos_embed.size(2), grid, grid});
  return at::cat({pos_embed.narrow(1, 0, 1), to_tokens(resize_bilinear(map, rows, columns))}, 1);
}

}  // namespace

VisionTransformerBlock::VisionTransformerBlock(const Weights& weights, std::int64_t width,
                                               std::int64_t head_count)
    : heads(head_count),
      norm1(weights.scope("norm1"), width, norm_eps),
      norm2(weights.scope("norm2"), width, norm_eps),
      qkv(weights.scope("attn.qkv"), width, 3 * width),
      proj(weights.scope("attn.proj"), width, width),
      fc1(weights.scope("mlp.fc1"), width, 4 * width),
      fc2(weights.scope("mlp.fc2"), 4 * width, width) {}

at::Tensor VisionTransformerBlock::operator()(const at::Tensor& x) const {
  const auto all = qkv(norm1(x)).chunk(3, -1);
  const auto attended = proj.plus(attend(all[0], all[1], all[2], heads), x);
  return fc2.plus(at::gelu(fc1(norm2(attended))), attended);
}

VisionTransformer::VisionTransformer(const Weights& weights, const Shape& shape)
    : cls_token(weights.tensor("cls_token", {1, 1, shape.width})),
      pos_embed(weights.tensor("pos_embed", {1, 1 + shape.grid * shape.grid, shape.width})),
      grid(shape.grid) {
  for (std::int64_t i = 0; i < shape.blocks; ++i)
    blocks.emplace_back(weights.scope(fmt::format("blocks.{}", i)), shape.width, shape.heads);
}

std::vector<at::Tensor> VisionTransformer::operator()(
    const at::Tensor& patches, const std::vector<std::size_t>& wanted) const {
  auto x = at::cat({cls_token, to_tokens(patches)}, 1) +
           stretched(pos_embed, grid, patches.size(2), patches.size(3));
  std::vector<at::Tensor> tokens;
  for (std::size_t i = 0; tokens.size() < wanted.size() && i < blocks.size(); ++i) {
    x = blocks[i](x);
    if (std::ranges::find(wanted, i) != wanted.end()) tokens.push_back(x);
  }
  return tokens;
}

}  // namespace dream::engine
