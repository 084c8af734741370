// One forward pass of a training: noise, prediction, loss.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/training.hpp"
#include "sdk/engine/training/dataset.hpp"

namespace dream::engine {

// What is drawn for a micro-batch, in this order, so that another loop can draw the same.
struct Draws {
  at::Tensor posterior;               // N(0, 1), [rows, C, h, w], what picks the latents
  at::Tensor noise;                   // N(0, 1), [rows, C, h, w]
  at::Tensor offset;                  // N(0, 1), [rows, C, 1, 1]; undefined without offset noise
  std::vector<std::int64_t> timesteps;  // of each row, evenly among those of the schedule
};

// Weight of a row's squared error for its part of the picture in a sample (arXiv 2303.09556,
// equations 3 to 5): min(snr, gamma) / snr, for v-prediction over snr + 1.
at::Tensor min_snr_weights(const at::Tensor& snr, double gamma, bool v_prediction);

class TrainingStep {
 public:
  // Throws InvalidInput for a base whose prediction cannot be trained.
  TrainingStep(const TrainRequest& request, const Components& parts, const Dataset& data);

  Draws draw(const Batch& batch, at::Generator& generator) const;
  // The loss, a number with its graph: the mean squared error of the prediction, of a batch with
  // the prior that of its instance half plus prior_loss_weight times that of its class half.
  at::Tensor loss(const Batch& batch, const Draws& draws);

 private:
  at::Tensor latents(const Batch& batch, const at::Tensor& posterior) const;
  at::Tensor states(const Batch& batch);
  at::Tensor encoded(int prompt, std::int64_t tokens);
  at::Tensor weighted(const at::Tensor& error, const at::Tensor& share) const;

  const TrainRequest& request_;
  const Components& parts_;
  const Dataset& data_;
  at::Tensor alphas_cumprod_;  // [timesteps] in fp32 on the CPU
  bool v_prediction_;
  std::map<std::pair<int, std::int64_t>, at::Tensor> frozen_;  // by prompt and number of tokens
};

}  // namespace dream::engine
