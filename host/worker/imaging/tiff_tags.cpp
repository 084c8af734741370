#include "host/worker/imaging/tiff_tags.hpp"

#include <cstddef>

namespace dream::worker::imaging {
namespace {

constexpr std::uint16_t type_short = 3, type_long = 4;
constexpr std::size_t entry_bytes = 12;

struct Reader {
  std::span<const std::uint8_t> bytes;
  bool big_endian;

  bool has(std::size_t at, std::size_t size) const {
    return at <= bytes.size() && size <= bytes.size() - at;
  }
  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= std::uint32_t{bytes[at + i]} << 8 * (big_endian ? size - 1 - i : i);
    return value;
  }
};

}  // namespace

std::map<std::uint16_t, std::uint32_t> tiff_tags(std::span<const std::uint8_t> tiff) {
  std::map<std::uint16_t, std::uint32_t> tags;
  const Reader reader{tiff, !tiff.empty() && tiff[0] == 'M'};
  if (!reader.has(0, 8)) return tags;
  const std::size_t start = reader.number(4, 4);
  if (!reader.has(start, 2)) return tags;
  const std::uint32_t count = reader.number(start, 2);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t at = start + 2 + i * entry_bytes;
    if (!reader.has(at, entry_bytes)) break;
    const std::uint32_t type = reader.number(at + 2, 2);
    if ((type != type_short && type != type_long) || reader.number(at + 4, 4) != 1) continue;
    tags[static_cast<std::uint16_t>(reader.number(at, 2))] =
        reader.number(at + 8, type == type_short ? 2 : 4);
  }
  return tags;
}

}  // namespace dream::worker::imaging
