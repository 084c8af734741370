// Tensor and TensorView: numbers that cross between template and engine, as DLPack describes them.
// A Tensor owns its memory, a TensorView looks at memory of somebody else.
#pragma once

#include <dream/abi/tensor.h>

#include <cstddef>
#include <cstdint>
#include <dream/host.hpp>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dream {
namespace detail {

// DLPack's dtype of an element type.
template <class T>
consteval std::pair<int, int> dtype_of() {  // code, bits
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8,
                "dream: a tensor's elements are numbers: float, double, int64_t, uint8_t, …");
  const int code = std::is_floating_point_v<T> ? DREAM_DTYPE_FLOAT
                   : std::is_signed_v<T>       ? DREAM_DTYPE_INT
                                               : DREAM_DTYPE_UINT;
  return {code, static_cast<int>(8 * sizeof(T))};
}

inline std::string dtype_name(int code, int bits) {
  const char* name = code == DREAM_DTYPE_FLOAT    ? "float"
                     : code == DREAM_DTYPE_INT    ? "int"
                     : code == DREAM_DTYPE_UINT   ? "uint"
                     : code == DREAM_DTYPE_BFLOAT ? "bfloat"
                                                  : "type-";
  return name + std::to_string(bits);
}

}  // namespace detail

// A borrowed tensor: copyable, and valid only as long as its owner says. Any thread, but writing
// through it is the owner's to allow.
class TensorView {
 public:
  explicit TensorView(const dream_dl_tensor& tensor) noexcept : tensor_(tensor) {}

  // Sizes, outermost first.
  std::span<const int64_t> shape() const noexcept {
    return {tensor_.shape, static_cast<std::size_t>(tensor_.ndim)};
  }
  // Number of elements: the product of the sizes.
  std::size_t size() const noexcept {
    std::size_t count = 1;
    for (const int64_t side : shape()) count *= static_cast<std::size_t>(side);
    return count;
  }
  // Whether the elements lie row after row without gaps.
  bool compact() const noexcept {
    int64_t expected = 1;
    for (int32_t i = tensor_.ndim; tensor_.strides != nullptr && i-- > 0;) {
      if (tensor_.shape[i] != 1 && tensor_.strides[i] != expected) return false;
      expected *= tensor_.shape[i];
    }
    return true;
  }

  // The elements, row-major; they may be written. Throws Error if the tensor is of another type,
  // not in CPU memory, or not compact.
  template <class T>
  std::span<T> data() const {
    constexpr auto wanted = detail::dtype_of<std::remove_const_t<T>>();
    if (tensor_.dtype.code != wanted.first || tensor_.dtype.bits != wanted.second ||
        tensor_.dtype.lanes != 1) {
      throw Error("a tensor of " + detail::dtype_name(tensor_.dtype.code, tensor_.dtype.bits) +
                  " was read as " + detail::dtype_name(wanted.first, wanted.second));
    }
    if (tensor_.device.device_type != DREAM_DEVICE_CPU) {
      throw Error("a tensor on device type " + std::to_string(tensor_.device.device_type) +
                  " was read as if it were in CPU memory");
    }
    if (!compact()) throw Error("a tensor with gaps between its elements was read as a whole");
    return {reinterpret_cast<T*>(static_cast<char*>(tensor_.data) + tensor_.byte_offset), size()};
  }

  const dream_dl_tensor& dl() const noexcept { return tensor_; }  // for the C ABI

 private:
  dream_dl_tensor tensor_;
};

// An owned tensor; moves, does not copy. Freed by whoever made it, from any thread.
class Tensor {
 public:
  // An fp32 tensor of zeros in CPU memory: at most 8 sizes, none negative, else InvalidInput.
  static Tensor zeros(Host host, std::span<const int64_t> shape) {
    const detail::Interface<dream_tensor_1> api(host.handle(), DREAM_TENSOR_1);
    dream_dl_managed_tensor* tensor = nullptr;
    detail::check(host.handle(), api.get(&dream_tensor_1::zeros, "zeros")(
                                     host.handle(), shape.data(), ndim(shape), &tensor));
    return Tensor(tensor);
  }
  static Tensor zeros(Host host, std::initializer_list<int64_t> shape) {
    return zeros(host, std::span(shape.begin(), shape.size()));
  }

  // The noise that torch.randn draws on a CPU generator with this seed; fp32, CPU memory. Needs the
  // host's engine: throws Unsupported without one.
  static Tensor randn(Host host, std::span<const int64_t> shape, uint64_t seed) {
    const detail::Interface<dream_tensor_1> api(host.handle(), DREAM_TENSOR_1);
    dream_dl_managed_tensor* tensor = nullptr;
    detail::check(host.handle(), api.get(&dream_tensor_1::randn, "randn")(
                                     host.handle(), shape.data(), ndim(shape), seed, &tensor));
    return Tensor(tensor);
  }
  static Tensor randn(Host host, std::initializer_list<int64_t> shape, uint64_t seed) {
    return randn(host, std::span(shape.begin(), shape.size()), seed);
  }

  // Takes over a managed tensor of any DLPack library. Throws Error on null.
  explicit Tensor(dream_dl_managed_tensor* tensor) : tensor_(tensor) {
    if (tensor == nullptr) throw Error("a function that makes a tensor gave none");
  }
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;

  // Valid as long as this Tensor.
  TensorView view() const noexcept { return TensorView(tensor_->dl_tensor); }
  operator TensorView() const noexcept { return view(); }
  std::span<const int64_t> shape() const noexcept {  // as TensorView::shape()
    return {tensor_->dl_tensor.shape, static_cast<std::size_t>(tensor_->dl_tensor.ndim)};
  }
  std::size_t size() const noexcept { return view().size(); }
  template <class T>
  std::span<T> data() const {  // as TensorView::data()
    return view().data<T>();
  }

  // Hands the tensor to another library, which then calls its deleter. Empty afterwards.
  dream_dl_managed_tensor* release() noexcept { return tensor_.release(); }

 private:
  struct Deleter {
    void operator()(dream_dl_managed_tensor* tensor) const noexcept {
      if (tensor->deleter != nullptr) tensor->deleter(tensor);
    }
  };
  static int32_t ndim(std::span<const int64_t> shape) {
    if (shape.size() > static_cast<std::size_t>(std::numeric_limits<int32_t>::max())) {
      throw InvalidInput("a tensor has at most 8 sizes");
    }
    return static_cast<int32_t>(shape.size());
  }

  std::unique_ptr<dream_dl_managed_tensor, Deleter> tensor_;
};

}  // namespace dream
