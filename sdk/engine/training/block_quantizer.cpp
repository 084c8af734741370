#include "sdk/engine/training/block_quantizer.hpp"

#include <ATen/ops/amax.h>
#include <ATen/ops/bucketize.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace dream::engine {
namespace {

constexpr int exponents = 7;

// For each power of ten from 1e-6 to 1 the middles of equal parts of [0.1, 1], twice as many from
// one to the next; and 0 and 1.
std::vector<float> dynamic_levels(bool is_signed) {
  std::vector<float> levels = {0, 1};
  for (int i = 0; i < exponents; ++i) {
    const int parts = (is_signed ? 1 : 2) << i;
    const double scale = std::pow(10.0, i - exponents + 1);
    for (int j = 0; j < parts; ++j) {
      const auto level = static_cast<float>(scale * (0.1 + 0.9 * (j + 0.5) / parts));
      levels.push_back(level);
      if (is_signed) levels.push_back(-level);
    }
  }
  std::ranges::sort(levels);
  return levels;
}

at::Tensor on_device(std::vector<float> values, at::Device device) {
  return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kFloat)
      .clone()
      .to(device);
}

}  // namespace

BlockQuantizer::BlockQuantizer(bool is_signed, at::Device device)
    : levels_(on_device(dynamic_levels(is_signed), device)) {
  const auto count = levels_.size(0);
  midpoints_ = (levels_.narrow(0, 0, count - 1) + levels_.narrow(0, 1, count - 1)) / 2;
}

at::Tensor BlockQuantizer::decode(const at::Tensor& codes, const at::Tensor& absmax) const {
  auto values = levels_.index_select(0, codes.to(at::kInt));
  const auto whole = codes.size(0) / block * block, rest = codes.size(0) - whole;
  values.narrow(0, 0, whole).view({-1, block}).mul_(
      absmax.narrow(0, 0, whole / block).unsqueeze(1));
  if (rest > 0) values.narrow(0, whole, rest).mul_(absmax.narrow(0, whole / block, 1));
  return values;
}

void BlockQuantizer::encode(const at::Tensor& values, at::Tensor codes, at::Tensor absmax) const {
  const auto whole = values.size(0) / block * block, rest = values.size(0) - whole;
  if (whole > 0) {
    encode_rows(values.narrow(0, 0, whole).view({-1, block}), codes.narrow(0, 0, whole),
                absmax.narrow(0, 0, whole / block));
  }
  if (rest > 0) {
    encode_rows(values.narrow(0, whole, rest).unsqueeze(0), codes.narrow(0, whole, rest),
                absmax.narrow(0, whole / block, 1));
  }
}

void BlockQuantizer::encode_rows(const at::Tensor& rows, at::Tensor codes,
                                 at::Tensor absmax) const {
  absmax.copy_(rows.abs().amax(1));
  // A block of zeros stays one.
  const auto scale = absmax.masked_fill(absmax == 0, 1).unsqueeze(1);
  codes.copy_(at::bucketize(rows / scale, midpoints_, /*out_int32=*/true).flatten());
}

}  // namespace dream::engine
