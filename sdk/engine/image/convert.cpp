#include <algorithm>
#include <stdexcept>
#include <string>

#include "sdk/engine/image/picture.hpp"

namespace dream::engine {
namespace {

// ITU-R 601 in 16-bit fixed point.
std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >>
                                   16);
}

// Alpha compositing on white, rounded.
std::uint8_t on_white(unsigned value, unsigned alpha) {
  const unsigned sum = (value * alpha + 255 * (255 - alpha)) + 128;
  return static_cast<std::uint8_t>(((sum >> 8) + sum) >> 8);
}

void rgb_of(const std::uint8_t* pixel, int channels, std::uint8_t* rgb) {
  for (int c = 0; c < 3; ++c) {
    if (channels == 1)
      rgb[c] = pixel[0];
    else
      rgb[c] = channels == 4 ? on_white(pixel[c], pixel[3]) : pixel[c];
  }
}

}  // namespace

Picture convert(const Picture& picture, int channels) {
  if (channels != 1 && channels != 3 && channels != 4)
    throw std::invalid_argument("channels: " + std::to_string(channels) + "; allowed are 1, 3, 4");
  if (picture.channels == channels) return picture;
  Picture result = blank_picture(picture.width, picture.height, channels);
  const std::uint8_t* in = picture.data.data();
  const std::uint8_t* const end = in + picture.data.size();
  for (std::uint8_t* out = result.data.data(); in != end; in += picture.channels, out += channels) {
    std::uint8_t rgb[3];
    rgb_of(in, picture.channels, rgb);
    if (channels == 1)
      *out = luma(rgb);
    else
      std::copy_n(rgb, 3, out);
    if (channels == 4) out[3] = 255;
  }
  return result;
}

}  // namespace dream::engine
