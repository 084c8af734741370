// Picture files to 8-bit pixels, with OpenCV's codecs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

inline constexpr std::uint64_t max_picture_pixels = 64'000'000;
inline constexpr std::uintmax_t max_picture_file_bytes = 256'000'000;

// Upright, 8-bit (of 16 bits the upper 8), palettes resolved; grey stays 1 channel, alpha makes 4.
// Throws engine::InvalidInput, without the file's name, that says what is wrong with it.
engine::Picture decode(std::span<const std::uint8_t> file);

// The same of a file; the message names it.
engine::Picture decode_file(const std::filesystem::path& path);

}  // namespace dream::worker::imaging
