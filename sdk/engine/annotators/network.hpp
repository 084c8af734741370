// What all networks of annotators share: how a weight file becomes a model, and what stands around
// its forward pass. A model states its weights in its constructor, like the engine's other models.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/torch_call.hpp"
#include "sdk/engine/tensor/weights.hpp"
#include "weights/tensor_view.hpp"

namespace dream::engine {

// Without the counters that batch norms keep while they train.
weights::WeightMap without_counters(weights::WeightMap tensors);

// The tensors of a weight file, or of a folder that holds one, in any format that weights/ reads;
// without_counters().
weights::WeightMap read_network_tensors(const std::filesystem::path& path);

// Without the "module." before each name of a file that was saved from within a DataParallel.
weights::WeightMap unwrapped(weights::WeightMap tensors);

// Takes out tensors that files have and that no result depends on: names that begin like one of
// `prefixes`.
void drop_tensors(weights::WeightMap& tensors, std::initializer_list<std::string_view> prefixes);

// The engine's device, in fp32: the precision in which these networks were published and in which
// the thresholds behind them were chosen.
Compute network_compute(const Compute& engine);

// Throws InvalidInput unless the sides of [1, 3, height, width] are multiples of `multiple`.
void check_multiple(const at::Tensor& pixels, std::int64_t multiple);

// Model has a constructor from Weights (and its config, where it has one), `input_shape` (-1: any
// size from 1 on) and an operator() from a tensor of that shape, on the device, to a vector of
// tensors.
template <class Model>
class TorchNetwork final : public AnnotatorNetwork {
 public:
  template <class... Extra>
  explicit TorchNetwork(const Weights& weights, const Extra&... extra)
      : model_(weights, extra...), device_(weights.compute().device), bytes_(weights.bytes()) {}

  std::vector<HostTensor> run(const HostTensor& input) const override {
    check_shape("the annotator's input", input, Model::input_shape());
    return torch_call([&] {
      std::vector<HostTensor> outputs;
      for (const at::Tensor& output : model_(to_tensor(input).to(device_)))
        outputs.push_back(to_host(output));
      return outputs;
    });
  }
  std::int64_t bytes() const override { return bytes_; }

 private:
  Model model_;
  at::Device device_;
  std::int64_t bytes_;
};

// `place` is what messages call the file. Throws std::runtime_error naming file and tensor.
template <class Model, class... Extra>
std::shared_ptr<const AnnotatorNetwork> make_network(weights::WeightMap tensors,
                                                     const std::filesystem::path& place,
                                                     const Compute& compute, const Warn& warn,
                                                     const Extra&... extra) {
  const Weights weights(std::move(tensors), place.string(), network_compute(compute));
  auto network = std::make_shared<const TorchNetwork<Model>>(weights, extra...);
  weights.report_unused(warn);
  return network;
}

// A network whose file has the model's own names.
template <class Model>
std::shared_ptr<const AnnotatorNetwork> load_network(const std::filesystem::path& place,
                                                     const Compute& compute, const Warn& warn) {
  return make_network<Model>(read_network_tensors(place), place, compute, warn);
}

}  // namespace dream::engine
