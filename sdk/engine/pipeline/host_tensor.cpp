#include "sdk/engine/pipeline/host_tensor.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace dream::engine {
namespace {

// Number of values, or -1 where the sizes make no sense.
std::int64_t count(const std::vector<std::int64_t>& shape) {
  std::int64_t values = 1;
  for (const auto size : shape) {
    if (size < 0 || __builtin_mul_overflow(values, size, &values)) return -1;
  }
  return values;
}

}  // namespace

HostTensor to_host(const at::Tensor& tensor) {
  const auto plain = tensor.to(at::kCPU, at::kFloat).contiguous();
  const auto* first = plain.const_data_ptr<float>();
  return {.shape = plain.sizes().vec(), .data = std::vector<float>(first, first + plain.numel())};
}

at::Tensor to_tensor(const HostTensor& tensor) {
  auto copy = at::empty(tensor.shape, at::TensorOptions(at::kFloat));
  std::memcpy(copy.mutable_data_ptr(), tensor.data.data(), tensor.data.size() * sizeof(float));
  return copy;
}

void check_shape(std::string_view what, const HostTensor& tensor,
                 const std::vector<std::int64_t>& expected) {
  const bool fits = std::ranges::equal(tensor.shape, expected, [](auto size, auto wanted) {
    return wanted < 0 ? size > 0 : size == wanted;
  });
  if (!fits) {
    throw InvalidInput(fmt::format("{} has shape [{}]: allowed is [{}]{}", what,
                                   fmt::join(tensor.shape, ", "), fmt::join(expected, ", "),
                                   std::ranges::count(expected, -1) > 0 ? " (-1: any size)" : ""));
  }
  if (count(tensor.shape) != std::ssize(tensor.data)) {
    throw InvalidInput(fmt::format("{} of shape [{}] has {} values", what,
                                   fmt::join(tensor.shape, ", "), tensor.data.size()));
  }
}

}  // namespace dream::engine
