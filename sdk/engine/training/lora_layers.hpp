// LoRA as it is trained: low-rank matrices beside frozen linear layers (Hu et al., arXiv
// 2106.09685), with a magnitude per output where DoRA is asked for (Liu et al., arXiv 2402.09353).
// Computes what peft's LoraLayer computes.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sdk/engine/tensor/weights.hpp"
#include "sdk/engine/training.hpp"

namespace dream::engine {

// All are leaves that require gradients, in fp32.
struct LoraFactors {
  at::Tensor down;       // [rank, in], drawn from N(0, 1 / rank^2)
  at::Tensor up;         // [out, rank], zero at first
  at::Tensor magnitude;  // [out], of the layer's weight at first; undefined without DoRA
};

// By full name of the layer ("down_blocks.0.….to_q").
using LoraLayers = std::map<std::string, LoraFactors>;

// One for each linear layer of a component that `targets` names, drawn in the order of their names
// from `generator`. `input` is what messages call the list. Throws InvalidInput for a target that
// names no linear layer, and for settings that make no sense.
LoraLayers make_lora_layers(const Weights& weights, const std::vector<std::string>& targets,
                            const std::string& input, const LoraTraining& settings,
                            at::Generator& generator);

// What the component's layers have beside them. `generator` draws what dropout leaves out.
LinearAdapters adapters_of(const LoraLayers& layers, const LoraTraining& settings,
                           const at::Generator& generator);

}  // namespace dream::engine
