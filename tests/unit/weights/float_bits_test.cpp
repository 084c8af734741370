#include "weights/formats/float_bits.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dream::weights {
namespace {

TEST(FloatBits, EveryHalfComesBackAsItself) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (!std::isnan(from_fp16(half))) {
      EXPECT_EQ(to_fp16(from_fp16(half)), half) << bits;
    }
    if (!std::isnan(from_bf16(half))) {
      EXPECT_EQ(to_bf16(from_bf16(half)), half) << bits;
    }
  }
}

TEST(FloatBits, RoundsToNearestAndTiesToEven) {
  // Half way between two neighbours, and one step of single precision to either side.
  for (std::uint16_t low = 0; low < 0x7BFF; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const float middle = from_fp16(low) / 2 + from_fp16(high) / 2;
    EXPECT_EQ(to_fp16(middle), low % 2 == 0 ? low : high) << low;
    EXPECT_EQ(to_fp16(std::nextafter(middle, 0.0F)), low) << low;
    EXPECT_EQ(to_fp16(std::nextafter(middle, 1e9F)), high) << low;
    EXPECT_EQ(to_fp16(-middle), to_fp16(middle) | 0x8000) << low;
  }
  for (std::uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto middle = std::bit_cast<float>(bits << 16 | 0x8000);
    EXPECT_EQ(to_bf16(middle), low % 2 == 0 ? low : low + 1) << low;
    EXPECT_EQ(to_bf16(std::bit_cast<float>(bits << 16 | 0x8001)), low + 1) << low;
  }
}

TEST(FloatBits, LargeNumbersAndNaN) {
  EXPECT_EQ(to_fp16(65504.0F), 0x7BFF);
  EXPECT_EQ(to_fp16(65519.0F), 0x7BFF);
  EXPECT_EQ(to_fp16(65520.0F), 0x7C00);
  EXPECT_EQ(to_fp16(-1e30F), 0xFC00);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(to_fp16(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_TRUE(std::isnan(from_fp16(to_fp16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::nanf("")))));
}

}  // namespace
}  // namespace dream::weights
