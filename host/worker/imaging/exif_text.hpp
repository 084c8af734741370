// Text inside JPEG and WebP files, which have no text chunks: EXIF's UserComment, where
// AUTOMATIC1111's web UI and what reads its pictures look for the settings.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dream::worker::imaging {

// The file with `text` (UTF-8) as its UserComment in Unicode (EXIF 2.3, section 4.6.5). The file
// must have no EXIF yet. What is longer than a JPEG's segment, 32 thousand characters, is left out
// of a JPEG. Throws std::invalid_argument for other files.
std::vector<std::uint8_t> add_exif_text(std::span<const std::uint8_t> file, std::string_view text);

}  // namespace dream::worker::imaging
