// CUDA graphs of one computation, by the shapes of its inputs: see kernels/replay.hpp.
#pragma once

#include <ATen/cuda/CUDAGraph.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "sdk/engine/kernels/replay.hpp"

namespace dream::engine::cuda {

class Graphs {
 public:
  at::Tensor run(const std::vector<at::Tensor>& inputs, const Computation& compute);

 private:
  // What a graph reads and writes lies at fixed addresses.
  struct Recorded {
    at::cuda::CUDAGraph graph;
    std::vector<at::Tensor> inputs;
    std::vector<at::Tensor> sources;  // what the inputs hold a copy of …
    std::vector<std::int64_t> versions;  // … as it was then
    at::Tensor output;
  };
  struct Shape {
    std::unique_ptr<Recorded> recorded;
    bool cannot_be_recorded = false;
    std::uint64_t last_use = 0;
  };
  using Key = std::vector<std::int64_t>;

  static Key key_of(const std::vector<at::Tensor>& inputs);
  Shape* known_shape(const Key& key);
  std::unique_ptr<Recorded> record(const std::vector<at::Tensor>& inputs,
                                   const Computation& compute);
  static void take(Recorded& recorded, const std::vector<at::Tensor>& inputs);
  void drop_oldest();
  void keep_latest();

  std::mutex mutex_;
  std::map<Key, Shape> shapes_;
  std::uint64_t uses_ = 0;
  // One pool for all: they never run at the same time, and each result is copied before the next.
  c10::MempoolId_t pool_ = at::cuda::graph_pool_handle();
};

}  // namespace dream::engine::cuda
