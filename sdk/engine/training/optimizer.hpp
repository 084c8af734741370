// AdamW (arXiv 1711.05101) as torch.optim.AdamW, and with states of 8 bits (arXiv 2110.02861) as
// bitsandbytes' AdamW8bit; gradient clipping by the global norm.
#pragma once

#include <cstdint>
#include <vector>

#include "sdk/engine/training/parameters.hpp"

namespace dream::engine {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, weight_decay = 0.01, epsilon = 1e-8;
  // One byte per value and state, and a scale per 256 values; tensors of less than 4096 values keep
  // states of 32 bits.
  bool use_8bit = false;
};

class AdamW {
 public:
  // All of floating point, dense and on one device. The tensors are held and changed in place.
  AdamW(Parameters parameters, const AdamWOptions& options);
  ~AdamW();
  AdamW(AdamW&&) noexcept;

  // Takes the gradients that are there; a parameter without one stays as it is.
  void step(double learning_rate);
  // Drops the gradients, rather than filling them with zeros.
  void zero_grad();

  // Of memory the states take.
  std::int64_t bytes() const;
  // "<parameter>.step", ".exp_avg", ".exp_avg_sq", of 8 bits also ".exp_avg_absmax" and
  // ".exp_avg_sq_absmax". They share memory with the optimiser.
  NamedTensors state() const;
  // Copies what state() gave, after which steps go on bit by bit as they would have. Other tensors
  // are left out. Throws std::runtime_error naming one that is missing or of another shape or type;
  // nothing has changed then.
  void load(const NamedTensors& state);

 private:
  struct State;
  Parameters parameters_;
  AdamWOptions options_;
  std::vector<State> states_;  // of each parameter
};

// Scales all gradients by one factor so that their norm, taken as one vector, is at most
// `max_norm`, as torch.nn.utils.clip_grad_norm_. Returns the norm before; where it is NaN or
// infinite, gradients become so too, and the step is not to be taken.
double clip_grad_norm(const Parameters& parameters, double max_norm);

}  // namespace dream::engine
