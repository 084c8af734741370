// Gradient checkpointing (Chen et al.: "Training Deep Nets with Sublinear Memory Cost", arXiv
// 1604.06174): a layer's intermediate results are not kept for the backward pass, they are computed
// again when it comes to them.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>
#include <utility>

namespace dream::engine {

// While one lives, layers of this thread that can recompute do. `generator`, where defined, is what
// layers draw from: they draw the same numbers when they are computed again.
class Recomputing {
 public:
  explicit Recomputing(bool on, at::Generator generator = {});
  ~Recomputing();
  Recomputing(const Recomputing&) = delete;
  Recomputing& operator=(const Recomputing&) = delete;

 private:
  std::pair<bool, at::Generator> before_;
};

// Whether gradients are recorded and a Recomputing lives.
bool is_recomputing();

// Whether what is computed now is for gradients: they are recorded, or will be when the layer is
// computed again. For layers that differ in training, as by dropout.
bool is_for_gradients();

// Of feature maps and what they are conditioned on.
using Layer = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& condition)>;

// layer(x, condition), without keeping what is between. `layer` depends on nothing else but on
// parameters (leaves that require gradients), and is called once more in the backward pass, which
// must be that of Tensor::backward(). Only under is_recomputing().
at::Tensor recomputed(const at::Tensor& x, const at::Tensor& condition, Layer layer);

}  // namespace dream::engine
