#include "weights/formats/safetensors_writer.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

std::uint64_t bytes_of(const TensorPlan& tensor) {
  const auto bytes = byte_size(size_in_bytes(tensor.dtype), tensor.shape);
  if (!bytes) throw Error(fmt::format("tensor '{}' is too large", printable(tensor.name)));
  return *bytes;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorPlan>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const WriteTensor& write) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorPlan& tensor : tensors) {
    if (header.contains(tensor.name))
      throw Error(fmt::format("{}: two tensors are named '{}'", path.string(),
                              printable(tensor.name)));
    const std::uint64_t end = offset + bytes_of(tensor);
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = tensors.empty() && metadata.empty() ? "{}" : header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts aligned, as the format asks
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(text.size() >> (8 * i) & 0xFF);

  OutputFile file(path);
  file.write(length);
  file.write(text);
  for (const TensorPlan& tensor : tensors) {
    const std::uint64_t expected = file.position() + bytes_of(tensor);
    write(tensor, [&](std::span<const std::byte> bytes) { file.write(bytes); });
    if (file.position() != expected)
      throw Error(fmt::format("{}: tensor '{}' was given {} bytes too {}", path.string(),
                              printable(tensor.name),
                              file.position() > expected ? file.position() - expected
                                                         : expected - file.position(),
                              file.position() > expected ? "many" : "few"));
  }
  file.commit();
}

}  // namespace dream::weights
