// The fake dream.tensor/1: fp32 tensors in memory. randn() repeats with its seed but does not draw
// torch's numbers.
#pragma once

#include <dream/abi/tensor.h>

#include <cmath>
#include <dream/testing/state.hpp>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace dream::testing {

// Small deterministic random numbers (splitmix64) and text hashes (FNV-1a).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  static uint64_t hash(std::string_view bytes) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
  }
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) / 9007199254740992.0; }
  float normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return static_cast<float>(radius * std::cos(2 * std::numbers::pi * uniform()));
  }

 private:
  uint64_t state_;
};

// A tensor with everything it points to.
struct FakeTensor : dream_dl_managed_tensor {
  HostState* host;
  std::vector<int64_t> sizes;
  std::vector<float> values;

  // Zeros. Throws InvalidInput for sizes that no tensor has.
  static FakeTensor* make(HostState& host, std::span<const int64_t> shape) {
    uint64_t count = 1;
    for (const int64_t side : shape) {
      if (side < 0) throw InvalidInput("a tensor's size of " + std::to_string(side));
      count *= static_cast<uint64_t>(side);
      if (count > 1U << 28) throw InvalidInput("a tensor of more than 1 GiB");
    }
    if (shape.size() > 8) throw InvalidInput("a tensor has at most 8 sizes");
    auto tensor = std::make_unique<FakeTensor>();
    static_cast<dream_dl_managed_tensor&>(*tensor) = {};
    tensor->host = &host;
    tensor->sizes.assign(shape.begin(), shape.end());
    tensor->values.resize(count);
    describe(tensor->values, tensor->sizes, tensor->dl_tensor);
    tensor->deleter = [](dream_dl_managed_tensor* self) {
      --static_cast<FakeTensor*>(self)->host->live_tensors;
      delete static_cast<FakeTensor*>(self);
    };
    ++host.live_tensors;
    return tensor.release();
  }

  // A view of compact fp32 values.
  static void describe(std::vector<float>& values, std::vector<int64_t>& sizes,
                       dream_dl_tensor& view) {
    view = {};
    view.data = values.data();
    view.device = {DREAM_DEVICE_CPU, 0};
    view.ndim = static_cast<int32_t>(sizes.size());
    view.dtype = {DREAM_DTYPE_FLOAT, 32, 1};
    view.shape = sizes.data();
  }
};

struct TensorFunctions {
  static dream_status* zeros(const dream_host* host, const int64_t* shape, int32_t ndim,
                             dream_dl_managed_tensor** tensor) {
    HostState& state = state_of(host);
    return guarded(state, [&] {
      if (ndim < 0) throw InvalidInput("ndim is negative");
      *tensor = FakeTensor::make(state, std::span(shape, static_cast<std::size_t>(ndim)));
    });
  }

  static dream_status* randn(const dream_host* host, const int64_t* shape, int32_t ndim,
                             uint64_t seed, dream_dl_managed_tensor** tensor) {
    HostState& state = state_of(host);
    return guarded(state, [&] {
      pass_on(zeros(host, shape, ndim, tensor));
      Random random(seed);
      for (float& value : static_cast<FakeTensor*>(*tensor)->values) value = random.normal();
    });
  }

  static constexpr dream_tensor_1 table() { return {sizeof(dream_tensor_1), 0, zeros, randn}; }
};

}  // namespace dream::testing
