// dream.tensor/1 at the C line, and the conversions the engine's parts share.
#include "host/worker/sdk_host/tensor.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace {

constexpr std::int32_t max_dimensions = 8;
constexpr std::int64_t max_values = std::int64_t{1} << 30;  // 4 GiB of fp32

struct Managed {
  engine::HostTensor tensor;
  dream_dl_managed_tensor dl{};
};

std::size_t count(const std::vector<std::int64_t>& shape) {
  std::int64_t values = 1;
  for (const std::int64_t size : shape) values *= size;
  return static_cast<std::size_t>(values);
}

// Copies dimension `axis` and those inside it; strides in elements.
float* copy_strided(const float* from, const std::vector<std::int64_t>& shape,
                    const std::int64_t* strides, std::size_t axis, float* to) {
  if (axis == shape.size()) {
    *to = *from;
    return to + 1;
  }
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    to = copy_strided(from + i * strides[axis], shape, strides, axis + 1, to);
  return to;
}

dream_status* zeros(const dream_host*, const int64_t* shape, int32_t ndim,
                    dream_dl_managed_tensor** tensor) noexcept {
  return guarded([&] {
    checked(tensor, "tensor") = nullptr;
    engine::HostTensor values{checked_shape(shape, ndim, "tensor"), {}};
    values.data.resize(count(values.shape));
    *tensor = managed(std::move(values));
  });
}

dream_status* randn(const dream_host* host, const int64_t* shape, int32_t ndim, uint64_t seed,
                    dream_dl_managed_tensor** tensor) noexcept {
  return guarded([&] {
    checked(tensor, "tensor") = nullptr;
    const auto sizes = checked_shape(shape, ndim, "tensor");
    HostState& state = state_of(&checked(host, "host"));
    *tensor = managed(state.engine.engine(state.engine_options).randn(sizes, seed));
  });
}

}  // namespace

dream_dl_tensor dl_view(engine::HostTensor& tensor) {
  dream_dl_tensor view{};
  view.data = tensor.data.data();
  view.device.device_type = DREAM_DEVICE_CPU;
  view.ndim = static_cast<std::int32_t>(tensor.shape.size());
  view.dtype.code = DREAM_DTYPE_FLOAT;
  view.dtype.bits = 32;
  view.dtype.lanes = 1;
  view.shape = tensor.shape.data();
  return view;
}

dream_dl_managed_tensor* managed(engine::HostTensor tensor) {
  auto owner = std::make_unique<Managed>();
  owner->tensor = std::move(tensor);
  owner->dl.dl_tensor = dl_view(owner->tensor);
  owner->dl.manager_ctx = owner.get();
  owner->dl.deleter = [](dream_dl_managed_tensor* self) {
    delete static_cast<Managed*>(self->manager_ctx);
  };
  return &owner.release()->dl;
}

std::vector<std::int64_t> checked_shape(const std::int64_t* shape, std::int32_t ndim,
                                        std::string_view what) {
  const std::string name(what);
  if (ndim < 0 || ndim > max_dimensions)
    throw invalid(name + ": " + std::to_string(ndim) + " dimensions; allowed are 0 to 8");
  if (ndim > 0) checked(shape, (name + ": its shape").c_str());
  std::vector<std::int64_t> sizes(shape, shape + ndim);
  std::int64_t values = 1;
  for (const std::int64_t size : sizes) {
    if (size < 0) throw invalid(name + ": a size is " + std::to_string(size));
    if (size > max_values || values * size > max_values)
      throw invalid(name + ": over 2^30 values, more than any tensor here may have");
    values *= size;
  }
  return sizes;
}

engine::HostTensor host_tensor(const dream_dl_tensor* tensor, std::string_view what) {
  const std::string name(what);
  const dream_dl_tensor& dl = checked(tensor, name.c_str());
  if (dl.device.device_type != DREAM_DEVICE_CPU)
    throw invalid(name + ": device type " + std::to_string(dl.device.device_type) +
                  "; allowed is CPU memory (1)");
  if (dl.dtype.code != DREAM_DTYPE_FLOAT || dl.dtype.bits != 32 || dl.dtype.lanes != 1)
    throw invalid(name + ": type code " + std::to_string(dl.dtype.code) + " of " +
                  std::to_string(dl.dtype.bits) + " bits; allowed is fp32 (2, 32)");
  engine::HostTensor copy{checked_shape(dl.shape, dl.ndim, what), {}};
  copy.data.resize(count(copy.shape));
  if (copy.data.empty()) return copy;
  const auto* bytes = static_cast<const std::byte*>(
      &checked(static_cast<const std::byte*>(dl.data), (name + ": its data").c_str()));
  const auto* first = reinterpret_cast<const float*>(bytes + dl.byte_offset);
  if (dl.strides == nullptr)
    std::memcpy(copy.data.data(), first, copy.data.size() * sizeof(float));
  else
    copy_strided(first, copy.shape, dl.strides, 0, copy.data.data());
  return copy;
}

const dream_tensor_1& tensor_interface() {
  static constexpr dream_tensor_1 table = {sizeof(dream_tensor_1), 0, zeros, randn};
  return table;
}

}  // namespace dream::worker
