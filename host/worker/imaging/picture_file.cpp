#include "host/worker/imaging/picture_file.hpp"

#include <cstdlib>
#include <string_view>

#include "host/worker/imaging/tiff_tags.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {
namespace {

using Bytes = std::span<const std::uint8_t>;
using engine::InvalidInput;

[[noreturn]] void cut_off(FileFormat format) {
  throw InvalidInput("its " + name_of(format) + " header is cut off or damaged");
}

std::string_view text(Bytes bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || size > bytes.size() - at) return {};
  return {reinterpret_cast<const char*>(bytes.data() + at), size};
}

// Numbers at known places; a place outside the file is an error.
struct Header {
  Bytes bytes;
  FileFormat format;

  std::uint8_t byte(std::size_t at) const {
    if (at >= bytes.size()) cut_off(format);
    return bytes[at];
  }
  std::uint32_t big(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | byte(at + i);
    return value;
  }
  std::uint32_t little(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | byte(at + i);
    return value;
  }
  Bytes slice(std::size_t at, std::size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) cut_off(format);
    return bytes.subspan(at, size);
  }
};

int orientation_of(Bytes exif) {
  if (text(exif, 0, 6) == std::string_view("Exif\0\0", 6)) exif = exif.subspan(6);
  const auto tags = tiff_tags(exif);
  const auto found = tags.find(tiff_orientation);
  const bool known = found != tags.end() && found->second >= 1 && found->second <= 8;
  return known ? static_cast<int>(found->second) : 1;
}

// PNG specification: IHDR comes first; eXIf stands anywhere before IEND.
void read_png(const Header& file, PictureFile& picture) {
  picture.width = file.big(16, 4);
  picture.height = file.big(20, 4);
  for (std::size_t at = 8; at + 8 <= file.bytes.size();) {
    const std::size_t size = file.big(at, 4);
    const auto type = text(file.bytes, at + 4, 4);
    if (type == "eXIf") picture.orientation = orientation_of(file.slice(at + 8, size));
    if (type == "IEND" || type == "eXIf") break;
    at += size + 12;
  }
}

// ITU-T T.81: segments up to the frame header; EXIF is the APP1 segment that says so.
void read_jpeg(const Header& file, PictureFile& picture) {
  for (std::size_t at = 2;;) {
    if (file.byte(at) != 0xff) cut_off(file.format);
    const std::uint8_t marker = file.byte(at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const std::size_t size = file.big(at + 2, 2);
    if (size < 2) cut_off(file.format);
    const bool frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) {
      picture.height = file.big(at + 5, 2);
      picture.width = file.big(at + 7, 2);
      return;
    }
    const Bytes segment = file.slice(at + 4, size - 2);
    if (marker == 0xe1 && text(segment, 0, 4) == "Exif")
      picture.orientation = orientation_of(segment);
    at += size + 2;
  }
}

// RFC 9649: the size stands in VP8X, else in the bit stream's own header.
void read_webp(const Header& file, PictureFile& picture) {
  const auto first = text(file.bytes, 12, 4);
  if (first == "VP8 ") {
    picture.width = file.little(26, 2) & 0x3fff;
    picture.height = file.little(28, 2) & 0x3fff;
  } else if (first == "VP8L") {
    const std::uint32_t bits = file.little(21, 4);
    picture.width = (bits & 0x3fff) + 1;
    picture.height = (bits >> 14 & 0x3fff) + 1;
  } else if (first == "VP8X") {
    picture.width = file.little(24, 3) + 1;
    picture.height = file.little(27, 3) + 1;
  } else {
    cut_off(file.format);
  }
  for (std::size_t at = 12; at + 8 <= file.bytes.size();) {
    const std::size_t size = file.little(at + 4, 4);
    if (text(file.bytes, at, 4) == "EXIF")
      picture.orientation = orientation_of(file.slice(at + 8, size));
    at += size + 8 + size % 2;
  }
}

void read_bmp(const Header& file, PictureFile& picture) {
  if (file.little(14, 4) == 12) {  // OS/2
    picture.width = file.little(18, 2);
    picture.height = file.little(20, 2);
    return;
  }
  picture.width = file.little(18, 4);
  const std::int64_t height = static_cast<std::int32_t>(file.little(22, 4));
  picture.height = static_cast<std::uint32_t>(std::abs(height));  // negative: top row first
}

void read_tiff(const Header& file, PictureFile& picture) {
  const auto tags = tiff_tags(file.bytes);
  const auto width = tags.find(tiff_width), height = tags.find(tiff_height);
  if (width == tags.end() || height == tags.end()) cut_off(file.format);
  picture.width = width->second;
  picture.height = height->second;  // the codec turns TIFF pictures upright
}

FileFormat format_of(Bytes file) {
  constexpr std::string_view tiff_little("II*\0", 4), tiff_big("MM\0*", 4);
  if (text(file, 0, 8) == "\x89PNG\r\n\x1a\n") return FileFormat::png;
  if (text(file, 0, 3) == "\xff\xd8\xff") return FileFormat::jpeg;
  if (text(file, 0, 4) == "RIFF" && text(file, 8, 4) == "WEBP") return FileFormat::webp;
  if (text(file, 0, 2) == "BM") return FileFormat::bmp;
  if (text(file, 0, 6) == "GIF87a" || text(file, 0, 6) == "GIF89a") return FileFormat::gif;
  if (text(file, 0, 4) == tiff_little || text(file, 0, 4) == tiff_big) return FileFormat::tiff;
  throw InvalidInput("it is no picture: allowed are PNG, JPEG, WebP, BMP and TIFF files");
}

}  // namespace

PictureFile inspect(Bytes bytes) {
  PictureFile picture;
  picture.format = format_of(bytes);
  const Header file{bytes, picture.format};
  switch (picture.format) {
    case FileFormat::png:
      read_png(file, picture);
      break;
    case FileFormat::jpeg:
      read_jpeg(file, picture);
      break;
    case FileFormat::webp:
      read_webp(file, picture);
      break;
    case FileFormat::bmp:
      read_bmp(file, picture);
      break;
    case FileFormat::gif:
      picture.width = file.little(6, 2);
      picture.height = file.little(8, 2);
      break;
    case FileFormat::tiff:
      read_tiff(file, picture);
      break;
  }
  if (picture.width == 0 || picture.height == 0) cut_off(picture.format);
  return picture;
}

std::string name_of(FileFormat format) {
  switch (format) {
    case FileFormat::png:
      return "PNG";
    case FileFormat::jpeg:
      return "JPEG";
    case FileFormat::webp:
      return "WebP";
    case FileFormat::bmp:
      return "BMP";
    case FileFormat::gif:
      return "GIF";
    case FileFormat::tiff:
      return "TIFF";
  }
  return "";
}

}  // namespace dream::worker::imaging
