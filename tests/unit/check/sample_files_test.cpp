#include "host/check/sample_files.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>

namespace dream::host::check {
namespace {

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

TEST(SampleFiles, ThePictureIsASoundPng) {
  const std::string png = png_picture(16, 8);
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  std::string types;
  for (std::size_t at = 8; at < png.size();) {
    const std::uint32_t size = big_endian(png, at);
    const std::string body = png.substr(at + 4, size + 4);
    types += body.substr(0, 4);
    EXPECT_EQ(big_endian(png, at + 8 + size),
              crc32(0, reinterpret_cast<const Bytef*>(body.data()), size + 4));
    if (body.starts_with("IHDR")) {
      EXPECT_EQ(big_endian(body, 4), 16U);
      EXPECT_EQ(big_endian(body, 8), 8U);
    }
    if (body.starts_with("IDAT")) {
      std::string rows(8 * (1 + 16 * 3) + 1, '\0');
      uLongf length = rows.size();
      EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &length,
                           reinterpret_cast<const Bytef*>(body.data()) + 4, size),
                Z_OK);
      EXPECT_EQ(length, rows.size() - 1);
    }
    at += 12 + size;
  }
  EXPECT_EQ(types, "IHDRIDATIEND");
}

}  // namespace
}  // namespace dream::host::check
