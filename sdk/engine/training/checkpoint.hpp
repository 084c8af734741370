// The state of a training on disk, to go on from after a crash: a folder checkpoint-<step> per
// state with state.safetensors and state.json, there whole or not at all.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/training/parameters.hpp"

namespace dream::engine {

struct Checkpoint {
  int step = 0;           // optimiser steps taken
  std::string request;    // digest of what is trained, chosen by the caller
  NamedTensors tensors;   // of any device; exact in their own type
  std::vector<float> losses;
  std::vector<float> learning_rates;
  // at::Generator::get_state() of the CPU generator that the steps draw from; may be undefined.
  at::Tensor generator;
};

class Checkpoints {
 public:
  // `total_limit`: how many of one request stay, 0 all. `log` is told what was left aside and why,
  // a line each; may be empty.
  Checkpoints(std::filesystem::path folder, int total_limit,
              std::function<void(const std::string&)> log);

  // Writes one, flushed to the disk, in place of another of the same step; then removes the oldest
  // of the same request beyond the limit. Throws std::runtime_error when it cannot be written; what
  // was there before still is.
  void save(const Checkpoint& checkpoint) const;
  // The newest of `request` that can be read whole, its tensors on the CPU. Those of other requests
  // are left alone, damaged ones passed over, both said in the log. Never throws for what lies
  // there.
  std::optional<Checkpoint> load_newest(std::string_view request) const;
  // Steps of those that are there, whosesoever, ascending.
  std::vector<int> steps() const;

 private:
  std::filesystem::path folder_;
  int total_limit_;
  std::function<void(const std::string&)> log_;
};

}  // namespace dream::engine
