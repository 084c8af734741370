// Picture files from 8-bit pixels, with OpenCV's codecs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// A whole file. format: "png", "jpg", "webp"; quality 1..100 counts for jpg and webp.
// Throws std::invalid_argument for an unknown format or pixels that do not fit the size,
// std::runtime_error when the codec fails.
std::vector<std::uint8_t> encode(const engine::Image& image, std::string_view format, int quality);
// Grey is written as grey where the format has it; jpg has no alpha: it shows the picture on white.
std::vector<std::uint8_t> encode(const engine::Picture& picture, std::string_view format,
                                 int quality);

}  // namespace dream::worker::imaging
