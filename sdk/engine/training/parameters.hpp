// What a training changes: leaf tensors that ask for a gradient, by name.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace dream::engine {

struct Parameter {
  std::string name;  // unique in its list, e.g. "unet.conv_in.weight"
  at::Tensor value;
};

using Parameters = std::vector<Parameter>;

// As checkpoints keep them.
using NamedTensors = std::map<std::string, at::Tensor>;

// Copies into each tensor of `to` the one of its name in `from`, which may hold others too. Throws
// std::runtime_error naming one that is missing or of another shape or type; nothing has changed
// then.
void copy_tensors(const NamedTensors& from, const NamedTensors& to);

}  // namespace dream::engine
