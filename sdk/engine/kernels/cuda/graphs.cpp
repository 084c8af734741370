#include "sdk/engine/kernels/cuda/graphs.hpp"

#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstddef>

namespace dream::engine::cuda {
namespace {

constexpr std::size_t most_recorded = 4;   // each holds its inputs; the rest they share
constexpr std::size_t most_known = 64;     // shapes seen, recorded or not

// Ends a recording that failed, so that the stream is of use again.
void abandon(at::cuda::CUDAGraph& graph) {
  try {
    graph.capture_end();
  } catch (const c10::Error&) {
    // Expected: what was recorded is not valid.
  }
  graph.reset();
}

}  // namespace

Graphs::Key Graphs::key_of(const std::vector<at::Tensor>& inputs) {
  Key key;
  for (const auto& input : inputs) {
    key.push_back(input.defined() ? input.dim() : -1);
    if (!input.defined()) continue;
    key.push_back(static_cast<std::int64_t>(input.scalar_type()));
    key.insert(key.end(), input.sizes().begin(), input.sizes().end());
    key.insert(key.end(), input.strides().begin(), input.strides().end());
  }
  return key;
}

// Null at the first sight of a shape.
Graphs::Shape* Graphs::known_shape(const Key& key) {
  const auto found = shapes_.find(key);
  const bool known = found != shapes_.end();
  if (!known && shapes_.size() >= most_known) drop_oldest();
  auto& shape = known ? found->second : shapes_[key];
  shape.last_use = ++uses_;
  return known ? &shape : nullptr;
}

void Graphs::drop_oldest() {
  const auto oldest = std::min_element(
      shapes_.begin(), shapes_.end(),
      [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; });
  if (oldest == shapes_.end()) return;
  if (oldest->second.recorded) c10::cuda::device_synchronize();  // it may still be running
  shapes_.erase(oldest);
}

// Graphs of the latest shapes alone.
void Graphs::keep_latest() {
  std::vector<Shape*> recorded;
  for (auto& [key, shape] : shapes_)
    if (shape.recorded) recorded.push_back(&shape);
  if (recorded.size() <= most_recorded) return;
  const auto oldest = std::min_element(
      recorded.begin(), recorded.end(),
      [](const Shape* a, const Shape* b) { return a->last_use < b->last_use; });
  c10::cuda::device_synchronize();  // it may still be running
  (*oldest)->recorded.reset();
}

void Graphs::take(Recorded& recorded, const std::vector<at::Tensor>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    const auto version = static_cast<std::int64_t>(inputs[i]._version());
    if (recorded.sources[i].is_same(inputs[i]) && recorded.versions[i] == version) continue;
    recorded.inputs[i].copy_(inputs[i], /*non_blocking=*/true);
    recorded.sources[i] = inputs[i];
    recorded.versions[i] = version;
  }
}

std::unique_ptr<Graphs::Recorded> Graphs::record(const std::vector<at::Tensor>& inputs,
                                                 const Computation& compute) {
  auto recorded = std::make_unique<Recorded>();
  recorded->sources.resize(inputs.size());
  recorded->versions.resize(inputs.size());
  for (const auto& input : inputs)
    recorded->inputs.push_back(input.defined() ? at::empty_like(input) : at::Tensor());
  take(*recorded, inputs);
  // Recording needs a stream that is not the default one, and nothing under way on others.
  c10::cuda::device_synchronize();
  const auto device = inputs.front().get_device();
  const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(false, device));
  recorded->graph.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
  try {
    recorded->output = compute(recorded->inputs);
  } catch (...) {
    abandon(recorded->graph);
    throw;
  }
  recorded->graph.capture_end();
  return recorded;
}

at::Tensor Graphs::run(const std::vector<at::Tensor>& inputs, const Computation& compute) {
  const c10::cuda::CUDAGuard device(inputs.front().device());
  {
    const std::lock_guard lock(mutex_);
    auto* const shape = known_shape(key_of(inputs));
    if (shape != nullptr && !shape->recorded && !shape->cannot_be_recorded) {
      try {
        shape->recorded = record(inputs, compute);
      } catch (const c10::Error& error) {
        shape->cannot_be_recorded = true;
        TORCH_WARN("no CUDA graph of this computation: ", error.what_without_backtrace());
      }
    }
    if (shape != nullptr && shape->recorded) {
      take(*shape->recorded, inputs);
      shape->recorded->graph.replay();
      auto result = shape->recorded->output.clone();
      keep_latest();
      return result;
    }
  }
  return compute(inputs);
}

}  // namespace dream::engine::cuda
