// Text inside PNG files: how a picture carries the settings it was made with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dream::worker::imaging {

struct PngText {
  std::string keyword;  // 1 to 79 printable ASCII characters
  std::string text;     // UTF-8
};

// The file with one chunk per text after its IHDR: tEXt where the text is ASCII, else iTXt (PNG
// specification, section 11.3.4). Throws std::invalid_argument if `png` is not a PNG file or a
// keyword breaks the rule.
std::vector<std::uint8_t> add_png_text(std::span<const std::uint8_t> png,
                                       const std::vector<PngText>& texts);

}  // namespace dream::worker::imaging
