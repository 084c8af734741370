// From the inert record of a torch rebuild call to a tensor: which bytes of which storage, in which
// order. The only place that knows what `torch._utils._rebuild_*` mean.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/pickle.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {

// True when `value` is what torch.save writes for a tensor or parameter of any kind.
bool is_torch_tensor(const pickle::Value& value);

// The bytes of one storage and what keeps them alive.
struct StorageBytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

// The storage with the key that a tensor refers to. Throws Error when there is none.
using ReadStorage = std::function<StorageBytes(const std::string& key)>;

// Element size of the storage type that `global` names: 1 for an untyped one, 0 for no storage.
std::size_t torch_storage_element_bytes(const pickle::Value& global);

// True for globals that this reader gives a meaning (rebuild functions, storages, dtypes, dicts).
bool is_known_torch_global(const pickle::Value& global);

class TorchTensorReader {
 public:
  TorchTensorReader(const FileBytes& file, const ReadStorage& read_storage)
      : file_(file), read_storage_(read_storage) {}

  // The tensor behind `value`, which is_torch_tensor() accepts. Row-major ones are views into the
  // file, others are copied row-major once, however often they are asked for. nullopt when the
  // dtype is one that DType lacks; `skipped_dtype()` then names it. Throws Error, with `name` in
  // it.
  std::optional<TensorView> read(const pickle::Value& value, const std::string& name);
  const std::string& skipped_dtype() const { return skipped_dtype_; }

 private:
  struct Storage {
    std::string_view dtype;  // torch's name, empty when untyped
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  struct Layout {
    std::string_view dtype;
    std::size_t element_bytes = 0;
    std::span<const std::byte> storage;
    std::shared_ptr<const void> owner;
    std::int64_t offset = 0;  // in elements
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;  // in elements
  };

  Layout read_layout(const pickle::Value& call, const std::string& name, int depth);
  Storage read_storage(const pickle::Value& reference, const std::string& name);
  std::vector<std::int64_t> read_sizes(const pickle::Value& value, std::string_view what,
                                       const std::string& name) const;
  TensorView materialise(Layout layout, DType dtype, const std::string& name);
  [[noreturn]] void fail(const std::string& name, const std::string& what) const;

  const FileBytes& file_;
  const ReadStorage& read_storage_;
  std::string skipped_dtype_;
  std::uint64_t copied_bytes_ = 0;
  std::map<const pickle::Value*, TensorView> copies_;
};

}  // namespace dream::weights
