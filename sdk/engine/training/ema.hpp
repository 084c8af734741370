// Exponential moving average of the parameters, as diffusers' EMAModel: the decay rises from 0 by
// (1 + n) / (10 + n) to its limit.
#pragma once

#include "sdk/engine/training/parameters.hpp"

namespace dream::engine {

class Ema {
 public:
  // Starts from the values they have. `decay` in 0..1 is the limit.
  Ema(Parameters parameters, double decay);

  // After each step of the optimiser.
  void step();
  double current_decay() const { return current_decay_; }  // that of the last step()

  // store() keeps the parameters on the CPU, copy_to() puts the averages in their place, restore()
  // brings back what was stored. Throws std::logic_error where nothing was.
  void store();
  void copy_to();
  void restore();

  const Parameters& averages() const { return averages_; }
  // "<parameter>.ema" and "ema.step"; they share memory with the averages.
  NamedTensors state() const;
  // Throws std::runtime_error naming a tensor that is missing or of another shape or type; nothing
  // has changed then.
  void load(const NamedTensors& state);

 private:
  Parameters parameters_, averages_;
  std::vector<at::Tensor> stored_;
  double decay_;
  double current_decay_ = 0;
  at::Tensor step_;
};

}  // namespace dream::engine
