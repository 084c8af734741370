#include "weights/formats/safetensors.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "weights/formats/safetensors_header.hpp"
#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

constexpr std::size_t prefix_bytes = 8;
constexpr std::uint64_t max_header_bytes = 100'000'000;  // the reference implementation's limit

std::uint64_t header_length(std::span<const std::byte> data) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < prefix_bytes; ++i)
    length |= static_cast<std::uint64_t>(data[i]) << (8 * i);
  return length;
}

// Element size of dtypes that the format knows but TensorView does not hold.
std::optional<std::size_t> foreign_element_bytes(std::string_view dtype) {
  if (dtype == "F8_E4M3" || dtype == "F8_E5M2" || dtype == "F8_E8M0") return 1;
  if (dtype == "U16") return 2;
  if (dtype == "U32") return 4;
  if (dtype == "U64" || dtype == "C64") return 8;
  return std::nullopt;
}

// Sorts the entries by position and checks that they tile `buffer_bytes` without gap or overlap.
void check_offsets(std::vector<SafetensorsEntry>& entries, std::uint64_t buffer_bytes,
                   const std::string& file) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.offsets < b.offsets; });
  std::uint64_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    const auto [begin, end] = entry.offsets;
    if (end < begin || begin != expected || end > buffer_bytes) {
      throw Error(
          fmt::format("{}: tensor '{}' has data_offsets [{}, {}], expected to begin at {} and to "
                      "end within the "
                      "{} bytes of data",
                      file, printable(entry.name), begin, end, expected, buffer_bytes));
    }
    expected = end;
  }
  if (expected != buffer_bytes) {
    throw Error(fmt::format("{}: the tensors cover {} bytes of data, but the file holds {}", file,
                            expected, buffer_bytes));
  }
}

void check_size(const SafetensorsEntry& entry, std::size_t element_bytes, const std::string& file) {
  const std::optional<std::uint64_t> bytes = byte_size(element_bytes, entry.shape);
  const std::uint64_t given = entry.offsets[1] - entry.offsets[0];
  if (!bytes) {
    throw Error(fmt::format("{}: tensor '{}' has a shape whose size overflows", file,
                            printable(entry.name)));
  }
  if (*bytes != given) {
    throw Error(
        fmt::format("{}: tensor '{}' takes {} bytes by its dtype {} and shape, but its "
                    "data_offsets span {}",
                    file, printable(entry.name), *bytes, entry.dtype, given));
  }
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> data) {
  return data.size() > prefix_bytes && data[prefix_bytes] == std::byte{'{'} &&
         header_length(data) <= std::max<std::uint64_t>(max_header_bytes, data.size());
}

WeightFile read_safetensors(const FileBytes& bytes) {
  const std::string& file = bytes.name;
  if (bytes.data.size() < prefix_bytes)
    throw Error(
        fmt::format("{}: {} bytes are too few for a safetensors file", file, bytes.data.size()));
  const std::uint64_t length = header_length(bytes.data);
  if (length > max_header_bytes)
    throw Error(fmt::format("{}: header of {} bytes is over the limit of {}", file, length,
                            max_header_bytes));
  if (length > bytes.data.size() - prefix_bytes)
    throw Error(fmt::format("{}: header of {} bytes does not fit the file of {} bytes (truncated?)",
                            file, length, bytes.data.size()));
  const auto* text = reinterpret_cast<const char*>(bytes.data.data() + prefix_bytes);
  if (length == 0 || *text != '{')
    throw Error(fmt::format("{}: header must begin with '{{'", file));

  SafetensorsHeader header = parse_safetensors_header({text, length}, file);
  const std::span<const std::byte> buffer = bytes.data.subspan(prefix_bytes + length);
  check_offsets(header.entries, buffer.size(), file);

  WeightFile result;
  result.format = Format::safetensors;
  result.metadata = std::move(header.metadata);
  for (SafetensorsEntry& entry : header.entries) {
    const std::optional<DType> dtype = dtype_from_string(entry.dtype);
    const std::optional<std::size_t> element_bytes =
        dtype ? size_in_bytes(*dtype) : foreign_element_bytes(entry.dtype);
    if (!element_bytes)
      throw Error(fmt::format("{}: tensor '{}' has the unknown dtype '{}'", file,
                              printable(entry.name), printable(entry.dtype)));
    check_size(entry, *element_bytes, file);
    if (!dtype) {
      result.notes.push_back(fmt::format("skipped tensor '{}': dtype {} is not supported",
                                         printable(entry.name), entry.dtype));
      continue;
    }
    const auto [begin, end] = entry.offsets;
    result.tensors.emplace(std::move(entry.name),
                           TensorView{*dtype, std::move(entry.shape),
                                      buffer.subspan(begin, end - begin), bytes.owner});
  }
  return result;
}

}  // namespace dream::weights
