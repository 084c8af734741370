#include "sdk/engine/kernels/replay.hpp"

#include "sdk/engine/kernels/switches.hpp"

#ifdef DREAM_CUDA
#include "sdk/engine/kernels/cuda/graphs.hpp"
#endif

namespace dream::engine {

#ifdef DREAM_CUDA

struct Replay::Graphs {
  cuda::Graphs recorded;
};

at::Tensor Replay::operator()(const std::vector<at::Tensor>& inputs, const Computation& compute) {
  if (!inputs.front().is_cuda() || !is_on("graphs")) return compute(inputs);
  return graphs_->recorded.run(inputs, compute);
}

#else

struct Replay::Graphs {};

at::Tensor Replay::operator()(const std::vector<at::Tensor>& inputs, const Computation& compute) {
  return compute(inputs);
}

#endif

Replay::Replay() : graphs_(std::make_unique<Graphs>()) {}
Replay::~Replay() = default;

}  // namespace dream::engine
