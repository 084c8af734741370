#include "weights/formats/torch_tensor.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr std::size_t max_rank = 64;
constexpr int max_wrappers = 8;  // parameter of a subclass of … of a tensor

struct TorchType {
  std::string_view dtype;    // torch.<dtype>
  std::string_view storage;  // torch.<storage>, empty where none exists
  std::size_t bytes;
  std::optional<DType> supported;
};

constexpr std::array<TorchType, 22> torch_types = {
    {{"float64", "DoubleStorage", 8, DType::f64},
     {"float32", "FloatStorage", 4, DType::f32},
     {"float16", "HalfStorage", 2, DType::f16},
     {"bfloat16", "BFloat16Storage", 2, DType::bf16},
     {"int64", "LongStorage", 8, DType::i64},
     {"int32", "IntStorage", 4, DType::i32},
     {"int16", "ShortStorage", 2, DType::i16},
     {"int8", "CharStorage", 1, DType::i8},
     {"uint8", "ByteStorage", 1, DType::u8},
     {"bool", "BoolStorage", 1, DType::boolean},
     {"complex64", "ComplexFloatStorage", 8, std::nullopt},
     {"complex128", "ComplexDoubleStorage", 16, std::nullopt},
     {"quint8", "QUInt8Storage", 1, std::nullopt},
     {"qint8", "QInt8Storage", 1, std::nullopt},
     {"qint32", "QInt32Storage", 4, std::nullopt},
     {"uint16", "", 2, std::nullopt},
     {"uint32", "", 4, std::nullopt},
     {"uint64", "", 8, std::nullopt},
     {"float8_e4m3fn", "", 1, std::nullopt},
     {"float8_e5m2", "", 1, std::nullopt},
     {"float8_e4m3fnuz", "", 1, std::nullopt},
     {"float8_e5m2fnuz", "", 1, std::nullopt}}};

const TorchType* find_type(std::string_view dtype) {
  for (const TorchType& type : torch_types) {
    if (type.dtype == dtype) return &type;
  }
  return nullptr;
}

bool is_untyped_storage(const Value& global) {
  if (global.text != "torch" && global.text != "torch.storage") return false;
  return global.name == "UntypedStorage" || global.name == "_UntypedStorage" ||
         global.name == "TypedStorage" || global.name == "_TypedStorage";
}

const TorchType* find_storage_type(const Value& global) {
  if (global.text != "torch" && global.text != "torch.cuda") return nullptr;
  for (const TorchType& type : torch_types) {
    if (!type.storage.empty() && type.storage == global.name) return &type;
  }
  return nullptr;
}

bool is_wrapper(const Value& global) {
  return global.text == "torch._utils" &&
         (global.name == "_rebuild_parameter" || global.name == "_rebuild_parameter_with_state");
}

bool is_typed_wrapper(const Value& global) {
  return global.text == "torch._tensor" && global.name == "_rebuild_from_type_v2";
}

bool is_strided(const Value& global) {
  return global.text == "torch._utils" &&
         (global.name == "_rebuild_tensor" || global.name == "_rebuild_tensor_v2" ||
          global.name == "_rebuild_tensor_v3");
}

bool is_rebuild(const Value& global) {
  return (global.text == "torch._utils" || global.text == "torch._tensor") &&
         global.name.starts_with("_rebuild_");
}

// Row-major, where the stride of a dimension of size one does not matter.
bool is_row_major(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

void copy_row_major(std::span<const std::byte> source, std::size_t element_bytes,
                    std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                    std::byte* target, std::size_t count) {
  std::vector<std::int64_t> index(shape.size(), 0);
  std::int64_t element = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(target + i * element_bytes,
                source.data() + static_cast<std::size_t>(element) * element_bytes, element_bytes);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      element += strides[axis];
      if (++index[axis] < shape[axis]) break;
      element -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

bool is_torch_tensor(const Value& value) {
  return value.kind == Kind::object && value.callable->kind == Kind::global &&
         is_rebuild(*value.callable);
}

std::size_t torch_storage_element_bytes(const Value& global) {
  if (global.kind != Kind::global) return 0;
  if (is_untyped_storage(global)) return 1;
  const TorchType* type = find_storage_type(global);
  return type == nullptr ? 0 : type->bytes;
}

bool is_known_torch_global(const Value& global) {
  if (is_strided(global) || is_wrapper(global) || is_typed_wrapper(global)) return true;
  if (is_untyped_storage(global) || find_storage_type(global) != nullptr) return true;
  if (global.text == "torch")
    return global.name == "Size" || global.name == "device" || global.name == "Tensor" ||
           find_type(global.name) != nullptr;
  if (global.text == "collections")
    return global.name == "OrderedDict" || global.name == "defaultdict";
  return global.is_global("torch.nn.parameter", "Parameter") ||
         global.is_global("builtins", "dict") || global.is_global("__builtin__", "dict");
}

void TorchTensorReader::fail(const std::string& name, const std::string& what) const {
  throw Error(fmt::format("{}: tensor '{}' {}", file_.name, printable(name), what));
}

std::optional<TensorView> TorchTensorReader::read(const Value& value, const std::string& name) {
  if (const auto copy = copies_.find(&value); copy != copies_.end()) return copy->second;
  Layout layout = read_layout(value, name, 0);
  const std::optional<DType> dtype = find_type(layout.dtype)->supported;
  if (!dtype) {
    skipped_dtype_ = layout.dtype;
    return std::nullopt;
  }
  TensorView view = materialise(std::move(layout), *dtype, name);
  if (view.owner != file_.owner) copies_.emplace(&value, view);
  return view;
}

TorchTensorReader::Layout TorchTensorReader::read_layout(const Value& call, const std::string& name,
                                                         int depth) {
  if (depth > max_wrappers) fail(name, fmt::format("is wrapped more than {} times", max_wrappers));
  if (!is_torch_tensor(call))
    fail(name, fmt::format("depends on {}, which is not executed", pickle::describe(call)));
  const Value& function = *call.callable;
  if (call.arguments->kind != Kind::tuple)
    fail(name, fmt::format("calls {} without an argument tuple", pickle::describe(function)));
  const std::vector<Value*>& arguments = call.arguments->items;
  const auto need = [&](std::size_t count) {
    if (arguments.size() < count)
      fail(name, fmt::format("calls {} with {} arguments, expected at least {}",
                             pickle::describe(function), arguments.size(), count));
  };

  if (is_wrapper(function)) {
    need(1);
    return read_layout(*arguments[0], name, depth + 1);
  }
  if (is_typed_wrapper(function)) {  // (function, type, arguments, state)
    need(3);
    Value inner;
    inner.kind = Kind::object;
    inner.callable = arguments[0];
    inner.arguments = arguments[2];
    return read_layout(inner, name, depth + 1);
  }
  if (!is_strided(function))
    fail(name, fmt::format("needs {}, which is not supported (dense tensors are)",
                           pickle::describe(function)));

  // (storage, offset, size, stride[, requires_grad, hooks[, dtype or metadata]])
  need(4);
  const Storage storage = read_storage(*arguments[0], name);
  Layout layout;
  layout.storage = storage.bytes;
  layout.owner = storage.owner;
  layout.dtype = storage.dtype;
  if (function.name == "_rebuild_tensor_v3") {
    need(7);
    const Value& dtype = *arguments[6];
    if (dtype.kind != Kind::global || dtype.text != "torch" || find_type(dtype.name) == nullptr)
      fail(name, fmt::format("has {} for its dtype", pickle::describe(dtype)));
    layout.dtype = dtype.name;
  }
  if (layout.dtype.empty()) layout.dtype = "uint8";
  layout.element_bytes = find_type(layout.dtype)->bytes;
  if (arguments[1]->kind != Kind::integer || arguments[1]->integer < 0)
    fail(name, "has a storage offset that is not a natural number");
  layout.offset = arguments[1]->integer;
  layout.shape = read_sizes(*arguments[2], "size", name);
  layout.strides = read_sizes(*arguments[3], "stride", name);
  if (layout.shape.size() != layout.strides.size())
    fail(name,
         fmt::format("has {} sizes but {} strides", layout.shape.size(), layout.strides.size()));
  return layout;
}

TorchTensorReader::Storage TorchTensorReader::read_storage(const Value& reference,
                                                           const std::string& name) {
  if (reference.kind != Kind::persistent)
    fail(name, fmt::format("depends on {}, which is not a storage", pickle::describe(reference)));
  const Value& id = *reference.arguments;  // ('storage', type, key, location, element count)
  if (id.kind != Kind::tuple || id.items.size() < 5 || id.items[0]->kind != Kind::string ||
      id.items[0]->text != "storage" || id.items[2]->kind != Kind::string ||
      id.items[4]->kind != Kind::integer || id.items[4]->integer < 0)
    fail(name, "has a malformed storage reference");
  const Value& type = *id.items[1];
  if (type.kind != Kind::global)
    fail(name, fmt::format("has {} for its storage type", pickle::describe(type)));
  const TorchType* typed = find_storage_type(type);
  if (typed == nullptr && !is_untyped_storage(type))
    fail(name, fmt::format("depends on {}, which is not a storage type of torch",
                           pickle::describe(type)));

  const std::string key(id.items[2]->text);
  const StorageBytes found = read_storage_(key);
  const std::span<const std::byte> bytes = found.data;
  const std::array<std::int64_t, 1> count = {id.items[4]->integer};
  const std::optional<std::uint64_t> expected =
      byte_size(typed != nullptr ? typed->bytes : 1, count);
  if (!expected || *expected > bytes.size())
    fail(name,
         fmt::format("has a storage of {} elements of {}, but 'data/{}' holds {} bytes", count[0],
                     pickle::describe(type), printable(key), bytes.size()));
  const std::string_view dtype = typed != nullptr ? typed->dtype : std::string_view{};
  return {dtype, bytes.first(*expected), found.owner};
}

std::vector<std::int64_t> TorchTensorReader::read_sizes(const Value& value, std::string_view what,
                                                        const std::string& name) const {
  const Value* tuple = &value;
  if (value.kind == Kind::object && value.callable->is_global("torch", "Size") &&
      value.arguments->kind == Kind::tuple && value.arguments->items.size() == 1)
    tuple = value.arguments->items[0];
  if (tuple->kind != Kind::tuple && tuple->kind != Kind::list)
    fail(name, fmt::format("has {} for its {}, expected a tuple", pickle::describe(*tuple), what));
  if (tuple->items.size() > max_rank)
    fail(name,
         fmt::format("has {} dimensions, at most {} are allowed", tuple->items.size(), max_rank));
  std::vector<std::int64_t> sizes;
  for (const Value* item : tuple->items) {
    if (item->kind != Kind::integer || item->integer < 0)
      fail(name, fmt::format("has a {} that is not made of natural numbers", what));
    sizes.push_back(item->integer);
  }
  return sizes;
}

TensorView TorchTensorReader::materialise(Layout layout, DType dtype, const std::string& name) {
  const std::optional<std::uint64_t> bytes = byte_size(layout.element_bytes, layout.shape);
  if (!bytes) fail(name, "has a shape whose size overflows");
  if (*bytes == 0) return {dtype, std::move(layout.shape), {}, file_.owner};

  // The last element that the strides can reach must lie in the storage.
  std::int64_t last = layout.offset;
  for (std::size_t i = 0; i < layout.shape.size(); ++i) {
    std::int64_t reach = 0;
    if (__builtin_mul_overflow(layout.shape[i] - 1, layout.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      fail(name, "has strides that overflow");
  }
  const auto available = static_cast<std::int64_t>(layout.storage.size() / layout.element_bytes);
  if (last >= available)
    fail(name, fmt::format("reaches element {} of a storage of {}", last, available));

  const auto source =
      layout.storage.subspan(static_cast<std::size_t>(layout.offset) * layout.element_bytes);
  if (is_row_major(layout.shape, layout.strides))
    return {dtype, std::move(layout.shape), source.first(*bytes), layout.owner};

  // A stride of zero repeats elements for free, so a tiny file could ask for any amount of memory.
  const std::uint64_t budget = std::max<std::uint64_t>(64u << 20, 4 * file_.data.size());
  if (*bytes > budget || copied_bytes_ > budget - *bytes)
    fail(name, fmt::format("is strided, and copying it ({} bytes) exceeds the limit of {} bytes "
                           "for this file",
                           *bytes, budget));
  copied_bytes_ += *bytes;
  auto buffer = std::make_shared<std::vector<std::byte>>(*bytes);
  copy_row_major(source, layout.element_bytes, layout.shape, layout.strides, buffer->data(),
                 *bytes / layout.element_bytes);
  const std::span<const std::byte> view(*buffer);
  return {dtype, std::move(layout.shape), view, std::move(buffer)};
}

}  // namespace dream::weights
