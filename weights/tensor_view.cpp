#include "weights/tensor_view.hpp"

#include <array>
#include <limits>
#include <utility>

namespace dream::weights {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<DTypeRow, 10> dtype_table = {{{DType::f64, "F64", 8},
                                                   {DType::f32, "F32", 4},
                                                   {DType::f16, "F16", 2},
                                                   {DType::bf16, "BF16", 2},
                                                   {DType::i64, "I64", 8},
                                                   {DType::i32, "I32", 4},
                                                   {DType::i16, "I16", 2},
                                                   {DType::i8, "I8", 1},
                                                   {DType::u8, "U8", 1},
                                                   {DType::boolean, "BOOL", 1}}};

const DTypeRow& row(DType dtype) {
  for (const DTypeRow& candidate : dtype_table) {
    if (candidate.dtype == dtype) return candidate;
  }
  throw Error("unknown tensor dtype number " + std::to_string(static_cast<int>(dtype)));
}

}  // namespace

std::size_t size_in_bytes(DType dtype) {
  return row(dtype).bytes;
}

std::string_view to_string(DType dtype) {
  return row(dtype).name;
}

std::optional<DType> dtype_from_string(std::string_view name) {
  for (const DTypeRow& candidate : dtype_table) {
    if (candidate.name == name) return candidate.dtype;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> byte_size(std::size_t element_bytes,
                                       std::span<const std::int64_t> shape) {
  auto total = static_cast<std::int64_t>(element_bytes);
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(total, dimension, &total)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(total);
}

std::int64_t TensorView::element_count() const {
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape) count *= dimension;
  return count;
}

}  // namespace dream::weights
