#include "weights/formats/torch_zip_writer.hpp"

#include <fmt/core.h>

#include <set>

#include "weights/formats/text.hpp"
#include "weights/formats/zip_writer.hpp"

namespace dream::weights {
namespace {

constexpr std::uint64_t data_alignment = 64;  // of storages, as PyTorch writes them

std::string_view storage_class(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return "DoubleStorage";
    case DType::f32:
      return "FloatStorage";
    case DType::f16:
      return "HalfStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::i64:
      return "LongStorage";
    case DType::i32:
      return "IntStorage";
    case DType::i16:
      return "ShortStorage";
    case DType::i8:
      return "CharStorage";
    case DType::u8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
  }
  return "FloatStorage";
}

// Opcodes of pickle protocol 2 (Python's pickletools).
class Pickle {
 public:
  void op(char code) { text_ += code; }
  void ops(std::string_view codes) { text_ += codes; }
  void global(std::string_view module, std::string_view name) {
    text_ += fmt::format("c{}\n{}\n", module, name);
  }
  void text(std::string_view value) {
    op('X');
    number(value.size(), 4);
    text_ += value;
  }
  void integer(std::uint64_t value) {
    if (value <= 0x7FFFFFFF) {
      op('J');
      return number(value, 4);
    }
    ops("\x8a\x08");  // LONG1 of eight bytes; the top bit is clear
    number(value, 8);
  }
  const std::string& bytes() const { return text_; }

 private:
  void number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) text_ += static_cast<char>(value >> (8 * i) & 0xFF);
  }

  std::string text_;
};

std::uint64_t count_of(const TensorPlan& tensor) {
  const auto bytes = byte_size(size_in_bytes(tensor.dtype), tensor.shape);
  if (!bytes) throw Error(fmt::format("tensor '{}' is too large", printable(tensor.name)));
  return *bytes / size_in_bytes(tensor.dtype);
}

// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)
void put_tensor(Pickle& pickle, const TensorPlan& tensor, std::size_t storage) {
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.ops("((");
  pickle.text("storage");
  pickle.global("torch", storage_class(tensor.dtype));
  pickle.text(std::to_string(storage));
  pickle.text("cpu");
  pickle.integer(count_of(tensor));
  pickle.ops("tQ");  // TUPLE, BINPERSID
  pickle.integer(0);
  pickle.op('(');
  for (const std::int64_t size : tensor.shape) pickle.integer(static_cast<std::uint64_t>(size));
  pickle.ops("t(");
  std::vector<std::uint64_t> strides(tensor.shape.size(), 1);
  for (std::size_t i = strides.size(); i-- > 1;)
    strides[i - 1] = strides[i] * static_cast<std::uint64_t>(std::max<std::int64_t>(
                                      1, tensor.shape[i]));
  for (const std::uint64_t stride : strides) pickle.integer(stride);
  pickle.ops("t\x89");  // TUPLE, NEWFALSE
  pickle.global("collections", "OrderedDict");
  pickle.ops(")RtR");  // OrderedDict(), TUPLE, REDUCE
}

}  // namespace

void write_torch_zip(const std::filesystem::path& path, const std::vector<TensorPlan>& tensors,
                     const WriteTensor& write) {
  Pickle pickle;
  pickle.ops("\x80\x02}(");  // PROTO 2, EMPTY_DICT, MARK
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!names.insert(tensors[i].name).second)
      throw Error(fmt::format("{}: two tensors are named '{}'", path.string(),
                              printable(tensors[i].name)));
    pickle.text(tensors[i].name);
    put_tensor(pickle, tensors[i], i);
  }
  pickle.ops("u.");  // SETITEMS, STOP

  OutputFile file(path);
  ZipWriter zip(file);
  const std::string root = "archive/";
  zip.add(root + "data.pkl", pickle.bytes(), data_alignment);
  zip.add(root + "byteorder", "little", data_alignment);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorPlan& tensor = tensors[i];
    zip.add(fmt::format("{}data/{}", root, i), count_of(tensor) * size_in_bytes(tensor.dtype),
            [&](const WriteBytes& bytes) { write(tensor, bytes); }, data_alignment);
  }
  zip.add(root + "version", "3\n", data_alignment);
  zip.finish();
  file.commit();
}

}  // namespace dream::weights
