// A computation that is done over and over on tensors of the same shapes. On a CUDA device its
// hundreds of kernels are recorded as a CUDA graph when shapes come a second time, and from then on
// started by one call; shapes seen once, and other devices, just compute.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

namespace dream::engine {

using Computation = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

// One computation. Any number of threads may call it; recorded calls take turns. Holds the graphs
// of a few shapes, the latest ones, with their memory, until it is destroyed.
class Replay {
 public:
  Replay();
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // compute(inputs). `compute` must do the same at each call, use nothing that changes but `inputs`
  // (some may be undefined) and not wait for the device. An input that is the same tensor as at the
  // call before is not copied again.
  at::Tensor operator()(const std::vector<at::Tensor>& inputs, const Computation& compute);

 private:
  struct Graphs;
  std::unique_ptr<Graphs> graphs_;
};

}  // namespace dream::engine
