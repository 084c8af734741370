#include "sdk/engine/tensor/tensor_file.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "weights/store/files.hpp"

namespace dream::engine {
namespace {

using weights::DType;

constexpr std::array<std::pair<DType, at::ScalarType>, 10> types = {{{DType::f64, at::kDouble},
                                                                     {DType::f32, at::kFloat},
                                                                     {DType::f16, at::kHalf},
                                                                     {DType::bf16, at::kBFloat16},
                                                                     {DType::i64, at::kLong},
                                                                     {DType::i32, at::kInt},
                                                                     {DType::i16, at::kShort},
                                                                     {DType::i8, at::kChar},
                                                                     {DType::u8, at::kByte},
                                                                     {DType::boolean, at::kBool}}};

}  // namespace

DType to_dtype(at::ScalarType type) {
  for (const auto& [dtype, scalar] : types)
    if (scalar == type) return dtype;
  throw std::runtime_error(
      fmt::format("tensors of type {} have no place in weight files", c10::toString(type)));
}

at::ScalarType to_scalar_type(DType type) {
  for (const auto& [dtype, scalar] : types)
    if (dtype == type) return scalar;
  throw std::runtime_error("unknown tensor type");
}

weights::TensorView view_of(const at::Tensor& tensor) {
  auto held = std::make_shared<const at::Tensor>(tensor.detach().to(at::kCPU).contiguous());
  return {.dtype = to_dtype(held->scalar_type()),
          .shape = held->sizes().vec(),
          .bytes = {static_cast<const std::byte*>(held->const_data_ptr()), held->nbytes()},
          .owner = held};
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<weights::TensorPlan> plans;
  for (const auto& [name, tensor] : tensors)
    plans.push_back({name, to_dtype(tensor.scalar_type()), tensor.sizes().vec()});
  weights::write_safetensors(path, plans, metadata,
                             [&](const weights::TensorPlan& plan, const auto& write) {
                               write(view_of(tensors.at(plan.name)).bytes);
                             });
}

}  // namespace dream::engine
