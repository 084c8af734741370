// A component's tensors by name, converted to the engine's precision and device as the layers ask
// for them. Layers state the shape they expect, so a model that does not fit its config is refused
// at load with the tensor's name, and tensors nobody asked for are reported.
//
// A loaded component keeps its Weights: a variant of it (the same model with a LoRA laid over it)
// is made by running the same constructor over with_overlay(). What the overlay leaves alone comes
// out as the very tensors that the first model holds, so a variant costs only what it changes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/tensor/config.hpp"
#include "weights/tensor_view.hpp"

namespace dream::engine {

// Where and in which precision a model computes.
struct Compute {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  bool pack = true;  // layers may lay their weights out for speed; never under autograd
};

// A copy of a file's tensor, in its own type, on the CPU. Throws std::runtime_error where the bytes
// do not make the shape.
at::Tensor read_tensor(const weights::TensorView& view);

// From a tensor as the file has it, in fp32 on the computing device, to what takes its place (fp32,
// same shape).
using Patch = std::function<at::Tensor(const at::Tensor& weight)>;
// By full tensor name.
using Overlay = std::map<std::string, Patch, std::less<>>;

// What training lays beside a frozen linear layer.
class LinearAdapter {
 public:
  virtual ~LinearAdapter() = default;
  // In place of `y` = x weight^T + bias; [out, in] and [out], the latter may be undefined.
  virtual at::Tensor operator()(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                                const at::Tensor& bias) const = 0;
};
// By full name of the layer's weight.
using LinearAdapters = std::map<std::string, std::shared_ptr<const LinearAdapter>, std::less<>>;

// Cheap to copy. Any number of threads may read from one.
class Weights {
 public:
  // `component` ("unet") is used in messages.
  Weights(weights::WeightMap tensors, std::string component, Compute compute);

  // The tensors below `name`: scope("down_blocks.0")["resnets.0…"].
  Weights scope(std::string_view name) const;
  // The same tensors, those that `overlay` names patched. Only for Weights without an overlay.
  Weights with_overlay(Overlay overlay) const;

  // The same tensors; the linear layers that are made of them take their adapters along.
  Weights with_adapters(LinearAdapters adapters) const;
  // That of this scope's "weight"; null without one.
  std::shared_ptr<const LinearAdapter> adapter() const;

  bool has(std::string_view name) const;
  // As long as someone holds it, everyone who asks gets the same tensor: it must not be written to.
  // Throws std::runtime_error that names the tensor with the expected and the found shape.
  at::Tensor tensor(std::string_view name, at::IntArrayRef shape) const;
  // What a layer makes of tensors `names` (packed, transposed, prepacked) by calling `make`, which
  // reads them here. Shared under `key` like the tensors themselves, and made anew in a variant
  // whose overlay touches one of them. A layer that keeps only a view or a transformed copy must
  // come by it this way, or each variant holds its own. `key` is unique below this scope; names are
  // relative to it.
  at::Tensor derived(std::string_view key, std::initializer_list<std::string_view> names,
                     const std::function<at::Tensor()>& make) const;
  // The tensors that layers made of these compute with, by full name: a layer that keeps another
  // form of a tensor (its memory order, a matrix for a 1x1 convolution) has that here. To be
  // trained they may be written to, as nothing else shares these Weights. Tensors that nobody
  // holds, or that lie in packed forms, are left out.
  std::map<std::string, at::Tensor> held() const;
  // One line for all tensors that were never asked for, except those known to be harmless.
  void report_unused(const Warn& warn) const;

  // As the file has them.
  const weights::WeightMap& tensors() const;
  // Shape of each tensor by full name, for who maps other names to these.
  std::map<std::string, std::vector<std::int64_t>, std::less<>> shapes() const;
  // Of all tensors in the precision they are computed in.
  std::int64_t bytes() const;
  // Of the tensors handed out so far because the overlay touches them.
  std::int64_t patched_bytes() const;
  const Compute& compute() const;
  // The same for all copies and scopes of one, and for no other that lives at the time.
  const void* id() const { return source_.get(); }

 private:
  struct Source;
  struct Variant;
  std::string full(std::string_view name) const { return prefix_ + std::string(name); }
  const Patch* patch_of(std::string_view full_name) const;

  std::shared_ptr<Source> source_;
  std::shared_ptr<Variant> variant_;  // null without an overlay
  std::shared_ptr<const LinearAdapters> adapters_;  // null without adapters
  std::string prefix_;
};

}  // namespace dream::engine
