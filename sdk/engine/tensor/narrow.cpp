#include "sdk/engine/tensor/narrow.hpp"

#include <ATen/ops/clamp.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <limits>

namespace dream::engine {
namespace {

double largest(at::ScalarType dtype) {
  if (dtype == at::kHalf) return std::numeric_limits<c10::Half>::max();
  if (dtype == at::kBFloat16) return std::numeric_limits<c10::BFloat16>::max();
  return std::numeric_limits<double>::infinity();
}

}  // namespace

at::Tensor narrowed(const at::Tensor& values, at::ScalarType dtype) {
  const double most = largest(dtype);
  if (most > std::numeric_limits<float>::max()) return values.to(dtype);
  return at::clamp(values, -most, most).to(dtype);
}

}  // namespace dream::engine
