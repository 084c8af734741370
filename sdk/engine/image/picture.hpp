// Pictures as bytes, and what can be done with them without any library: new sizes and other
// numbers of channels, bit for bit as Pillow does it (tests/parity/test_resample.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dream::engine {

// 8-bit, height x width x channels, row-major; 1 channel is grey, 3 RGB, 4 RGBA (straight alpha).
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::vector<std::uint8_t> data;

  std::size_t row_bytes() const { return static_cast<std::size_t>(width) * channels; }
  const std::uint8_t* row(int y) const { return data.data() + y * row_bytes(); }
  std::uint8_t* row(int y) { return data.data() + y * row_bytes(); }
};

// A picture of zeros.
inline Picture blank_picture(int width, int height, int channels) {
  Picture picture{width, height, channels, {}};
  picture.data.resize(picture.row_bytes() * height);
  return picture;
}

enum class Filter { nearest, bilinear, bicubic, lanczos };

// Width and height must be 1 or more on both sides.
Picture resample(const Picture& picture, int width, int height, Filter filter);

// To 1, 3 or 4 channels. Alpha that is dropped is composited on white first; grey is ITU-R 601
// luma; new alpha is 255.
Picture convert(const Picture& picture, int channels);

}  // namespace dream::engine
