// What a picture file says of itself before it is decoded: format, size and which way is up. Read
// here, from the bytes, so that limits hold before a codec allocates anything, and so that pictures
// are turned upright whatever their format.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dream::worker::imaging {

enum class FileFormat { png, jpeg, webp, bmp, gif, tiff };

struct PictureFile {
  FileFormat format = FileFormat::png;
  std::uint32_t width = 0;  // pixels, as stored
  std::uint32_t height = 0;
  int orientation = 1;  // EXIF's 1 to 8; 1: upright
};

// Throws engine::InvalidInput, without the file's name, for anything but these formats or a header
// that is cut off.
PictureFile inspect(std::span<const std::uint8_t> file);

std::string name_of(FileFormat format);  // "PNG", ...

}  // namespace dream::worker::imaging
