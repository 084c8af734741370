// Convolutions one after the other, each with its ReLU, and poolings between them: what networks
// from before the residual ones (HED, OpenPose) consist of.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/annotators/layers.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

// A convolution that keeps the size, by the name of its weights; without a name a max pooling that
// halves it.
struct Link {
  std::string name;
  std::int64_t in = 0, out = 0, kernel = 3;
  bool relu = true;
};

class Chain {
 public:
  Chain(const Weights& weights, const std::vector<Link>& links);
  at::Tensor operator()(at::Tensor x) const;

 private:
  struct Step {
    std::optional<Convolution> convolution;  // else a pooling
    bool relu;
  };
  std::vector<Step> steps_;
};

}  // namespace dream::engine
