#include "host/worker/imaging/png_text.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace dream::worker::imaging {
namespace {

constexpr std::array<std::uint8_t, 8> signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t chunk_overhead = 12;                                  // length, type, CRC
constexpr std::size_t header_end = signature.size() + chunk_overhead + 13;  // after IHDR
constexpr std::size_t max_keyword = 79;

void append_number(std::vector<std::uint8_t>& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

void append_chunk(std::vector<std::uint8_t>& bytes, std::string_view type, std::string_view data) {
  append_number(bytes, static_cast<std::uint32_t>(data.size()));
  const std::size_t checked = bytes.size();  // the CRC covers type and data
  bytes.insert(bytes.end(), type.begin(), type.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  const auto crc = crc32(0, bytes.data() + checked, static_cast<uInt>(bytes.size() - checked));
  append_number(bytes, static_cast<std::uint32_t>(crc));
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0; });
}

void append_text(std::vector<std::uint8_t>& bytes, const PngText& text) {
  if (text.keyword.empty() || text.keyword.size() > max_keyword || !printable(text.keyword))
    throw std::invalid_argument("PNG keyword '" + text.keyword +
                                "' is not 1 to 79 printable ASCII characters");
  // A zero byte would end the text: readers see U+FFFD instead.
  std::string safe;
  for (const char c : text.text) {
    if (c == '\0')
      safe += "\xef\xbf\xbd";
    else
      safe += c;
  }
  if (ascii(safe)) return append_chunk(bytes, "tEXt", text.keyword + '\0' + safe);
  // After the keyword: not compressed, method 0, no language, no translated keyword.
  append_chunk(bytes, "iTXt", text.keyword + std::string(5, '\0') + safe);
}

}  // namespace

std::vector<std::uint8_t> add_png_text(std::span<const std::uint8_t> png,
                                       const std::vector<PngText>& texts) {
  if (png.size() < header_end || !std::ranges::equal(png.first(signature.size()), signature))
    throw std::invalid_argument("not a PNG file");
  std::vector<std::uint8_t> bytes(png.begin(), png.begin() + header_end);
  for (const PngText& text : texts) append_text(bytes, text);
  bytes.insert(bytes.end(), png.begin() + header_end, png.end());
  return bytes;
}

}  // namespace dream::worker::imaging
