// What a weight file becomes: named, typed, shaped views of bytes. Torch-free, so that the host and
// the tools can look at weights without loading libtorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dream::weights {

// A file that cannot be read, or does not hold what it should. The message names file and tensor.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t size_in_bytes(DType dtype);
// safetensors' spelling: "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL".
std::string_view to_string(DType dtype);
// The reverse; nullopt for a spelling that this project cannot hold (F8_E4M3, U32 …).
std::optional<DType> dtype_from_string(std::string_view name);
// Bytes of a row-major tensor; nullopt when a dimension is negative or the size does not fit 63
// bits.
std::optional<std::uint64_t> byte_size(std::size_t element_bytes,
                                       std::span<const std::int64_t> shape);

// A row-major tensor. `bytes` stays valid as long as any copy of `owner` lives (a memory map or a
// buffer). `bytes` may be unaligned for its type.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;

  std::int64_t element_count() const;
};

// Says that `view` is not needed for now: pages of a mapped file leave this process's memory and
// come back when they are touched. Views of other memory are left alone.
void release_pages(const TensorView& view);

// Ordered by name, so that listings and digests are stable.
using WeightMap = std::map<std::string, TensorView, std::less<>>;

}  // namespace dream::weights
