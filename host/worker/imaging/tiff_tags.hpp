// The tags of the first directory of a TIFF file; EXIF data is such a file too.
#pragma once

#include <cstdint>
#include <map>
#include <span>

namespace dream::worker::imaging {

inline constexpr std::uint16_t tiff_width = 256, tiff_height = 257, tiff_orientation = 274;

// Tag to value, of tags with a single 16- or 32-bit number (TIFF 6.0, section 2). Data that makes
// no sense yields what was readable before it.
std::map<std::uint16_t, std::uint32_t> tiff_tags(std::span<const std::uint8_t> tiff);

}  // namespace dream::worker::imaging
