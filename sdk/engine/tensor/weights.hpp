// A component's tensors by name, converted to the engine's precision and device as the layers ask
// for them. Layers state the shape they expect, so a model that does not fit its config is refused
// at load with the tensor's name, and tensors nobody asked for are reported.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <c10/util/ArrayRef.h>

#include <memory>
#include <string>
#include <string_view>

#include "sdk/engine/tensor/config.hpp"
#include "weights/tensor_view.hpp"

namespace dream::engine {

// Where and in which precision a model computes.
struct Compute {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

class Weights {
 public:
  // `component` ("unet") is used in messages.
  Weights(weights::WeightMap tensors, std::string component, Compute compute);

  // The tensors below `name`: scope("down_blocks.0")["resnets.0…"].
  Weights scope(std::string_view name) const;
  bool has(std::string_view name) const;
  // A copy of the tensor that no one else writes to. Throws std::runtime_error that names the
  // tensor with the expected and the found shape.
  at::Tensor tensor(std::string_view name, at::IntArrayRef shape) const;
  // One line for all tensors that were never asked for, except those known to be harmless.
  void report_unused(const Warn& warn) const;

  const Compute& compute() const;

 private:
  struct Source;
  Weights(std::shared_ptr<Source> source, std::string prefix);

  std::shared_ptr<Source> source_;
  std::string prefix_;
};

}  // namespace dream::engine
