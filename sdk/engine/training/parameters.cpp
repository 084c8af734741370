#include "sdk/engine/training/parameters.hpp"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace dream::engine {
namespace {

void check_fit(const std::string& name, const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() == expected.sizes() && found.scalar_type() == expected.scalar_type()) return;
  throw std::runtime_error(fmt::format("the saved tensor \"{}\" is {} [{}], expected {} [{}]", name,
                                       c10::toString(found.scalar_type()),
                                       fmt::join(found.sizes(), ", "),
                                       c10::toString(expected.scalar_type()),
                                       fmt::join(expected.sizes(), ", ")));
}

}  // namespace

void copy_tensors(const NamedTensors& from, const NamedTensors& to) {
  for (const auto& [name, tensor] : to) {
    const auto found = from.find(name);
    if (found == from.end())
      throw std::runtime_error(fmt::format("the saved tensor \"{}\" is missing", name));
    check_fit(name, found->second, tensor);
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : to) tensor.copy_(from.at(name));
}

}  // namespace dream::engine
