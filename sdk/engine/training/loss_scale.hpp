// Loss scaling for fp16 (Micikevicius et al.: "Mixed Precision Training", arXiv 1710.03740, section
// 3.2), with the numbers of torch.amp.GradScaler.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "sdk/engine/training/optimizer.hpp"

namespace dream::engine {

class LossScale {
 public:
  // Without `on` all below is the identity.
  LossScale(bool on, at::Device device);

  at::Tensor scaled(const at::Tensor& loss) const { return on_ ? loss * scale_ : loss; }
  bool is_on() const { return on_; }
  // Brings the gradients back to their own scale; false if they overflowed and the step is to be
  // left out. Grows and shrinks the scale accordingly.
  bool unscale(const Parameters& parameters);

  // For checkpoints: the scale, and the steps since it last changed.
  std::vector<at::Tensor> state() const;
  void load(const std::vector<at::Tensor>& state);

 private:
  bool on_;
  at::Tensor scale_, growth_;
};

}  // namespace dream::engine
