#include "host/worker/imaging/exif_text.hpp"

#include <algorithm>
#include <string>
#include <stdexcept>

#include "host/base/text.hpp"
#include "host/worker/imaging/picture_file.hpp"

namespace dream::worker::imaging {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& bytes, std::string_view text) {
  for (const char c : text) bytes.push_back(static_cast<std::uint8_t>(c));
}

void append_big(Bytes& bytes, std::uint32_t number, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

void append_little(Bytes& bytes, std::uint32_t number, int size) {
  for (int shift = 0; shift < 8 * size; shift += 8)
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

// The code point at the front of valid UTF-8, which loses it.
char32_t take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t more = byte(0) < 0x80 ? 0 : byte(0) < 0xe0 ? 1 : byte(0) < 0xf0 ? 2 : 3;
  char32_t point = more == 0 ? byte(0) : byte(0) & (0x3fU >> more);
  for (std::size_t i = 1; i <= more; ++i) point = point << 6 | (byte(i) & 0x3f);
  text.remove_prefix(more + 1);
  return point;
}

// U+FFFD for each byte that is no UTF-8.
void append_utf16(Bytes& bytes, std::string_view text) {
  const std::string valid = host::valid_utf8(text);
  for (std::string_view rest = valid; !rest.empty();) {
    const char32_t point = take_code_point(rest);
    if (point < 0x10000) {
      append_big(bytes, point, 2);
    } else {
      append_big(bytes, 0xd800 + ((point - 0x10000) >> 10), 2);
      append_big(bytes, 0xdc00 + ((point - 0x10000) & 0x3ff), 2);
    }
  }
}

// A big-endian TIFF structure: one directory that leads to EXIF's own, and that to the comment.
Bytes exif_of(std::string_view text) {
  constexpr std::uint32_t exif_directory = 0x8769, user_comment = 0x9286;
  constexpr std::uint32_t type_long = 4, type_undefined = 7;
  constexpr std::uint32_t header_bytes = 8, directory_bytes = 2 + 12 + 4;  // of one entry
  Bytes comment;
  append(comment, std::string_view("UNICODE\0", 8));
  append_utf16(comment, text);
  Bytes bytes;
  const auto directory = [&](std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                             std::uint32_t place) {
    append_big(bytes, 1, 2);
    append_big(bytes, tag, 2);
    append_big(bytes, type, 2);
    append_big(bytes, count, 4);
    append_big(bytes, place, 4);
    append_big(bytes, 0, 4);  // no further directory
  };
  append(bytes, std::string_view("MM\0*", 4));
  append_big(bytes, header_bytes, 4);
  directory(exif_directory, type_long, 1, header_bytes + directory_bytes);
  directory(user_comment, type_undefined, static_cast<std::uint32_t>(comment.size()),
            header_bytes + 2 * directory_bytes);
  bytes.insert(bytes.end(), comment.begin(), comment.end());
  return bytes;
}

// Behind the JFIF segment, which stands first where there is one (ITU-T T.871).
Bytes to_jpeg(std::span<const std::uint8_t> file, const Bytes& exif) {
  constexpr std::size_t most = 0xffff;
  const std::string_view name("Exif\0\0", 6);
  const auto size = 2 + name.size() + exif.size();
  if (size > most) return {file.begin(), file.end()};
  std::size_t at = 2;
  if (file.size() > 6 && file[2] == 0xff && file[3] == 0xe0) at += 2 + (file[4] << 8 | file[5]);
  if (at > file.size()) throw std::invalid_argument("a JPEG file that is cut off");
  Bytes bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at));
  append_big(bytes, 0xffe1, 2);
  append_big(bytes, static_cast<std::uint32_t>(size), 2);
  append(bytes, name);
  bytes.insert(bytes.end(), exif.begin(), exif.end());
  bytes.insert(bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(at), file.end());
  return bytes;
}

// RFC 9649: a file with more than its picture begins with VP8X, which says so and states the size.
Bytes to_webp(std::span<const std::uint8_t> file, const PictureFile& picture, const Bytes& exif) {
  constexpr std::uint8_t has_exif = 0x08;
  constexpr std::size_t header_bytes = 12, flags_at = 20;
  Bytes bytes(file.begin(), file.end());
  const bool extended = std::ranges::equal(file.subspan(header_bytes, 4), std::string_view("VP8X"));
  if (!extended) {
    Bytes chunk;
    append(chunk, "VP8X");
    append_little(chunk, 10, 4);
    append_little(chunk, 0, 4);
    append_little(chunk, picture.width - 1, 3);
    append_little(chunk, picture.height - 1, 3);
    bytes.insert(bytes.begin() + header_bytes, chunk.begin(), chunk.end());
  }
  bytes.at(flags_at) |= has_exif;
  append(bytes, "EXIF");
  append_little(bytes, static_cast<std::uint32_t>(exif.size()), 4);
  bytes.insert(bytes.end(), exif.begin(), exif.end());
  if (exif.size() % 2 != 0) bytes.push_back(0);
  const auto size = static_cast<std::uint32_t>(bytes.size() - 8);
  for (std::size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<std::uint8_t>(size >> 8 * i);
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> add_exif_text(std::span<const std::uint8_t> file, std::string_view text) {
  const PictureFile picture = inspect(file);
  const Bytes exif = exif_of(text);
  if (picture.format == FileFormat::jpeg) return to_jpeg(file, exif);
  if (picture.format == FileFormat::webp) return to_webp(file, picture, exif);
  throw std::invalid_argument("EXIF is for JPEG and WebP files, not " + name_of(picture.format));
}

}  // namespace dream::worker::imaging
