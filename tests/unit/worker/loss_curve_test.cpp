#include "host/worker/imaging/loss_curve.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dream::worker::imaging {
namespace {

using Ticks = std::vector<double>;

// Pixels of the moving average's colour, which nothing else has at full strength.
int average_pixels(const engine::Picture& chart, int from_row, int to_row) {
  int count = 0;
  for (int y = from_row; y < to_row; ++y)
    for (int x = 0; x < chart.width; ++x) {
      const std::uint8_t* pixel = chart.row(y) + 3 * x;
      count += pixel[0] == 24 && pixel[1] == 92 && pixel[2] == 180;
    }
  return count;
}

TEST(AxisTicks, stand_at_round_numbers) {
  EXPECT_EQ(axis_ticks(10), (Ticks{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(axis_ticks(2000), (Ticks{0, 500, 1000, 1500, 2000}));
  const Ticks small = axis_ticks(0.3);
  EXPECT_EQ(small.size(), 4U);
  EXPECT_NEAR(small.back(), 0.3, 1e-12);
  for (const double most : {1.0, 3.0, 7.7, 123.0, 99999.0}) {
    EXPECT_GE(axis_ticks(most).size(), 3U) << most;
    EXPECT_LE(axis_ticks(most).size(), 7U) << most;
  }
}

TEST(Smoothed, begins_at_the_first_value_and_passes_over_gaps) {
  const float gap = std::numeric_limits<float>::quiet_NaN();
  const auto values = smoothed(std::vector{2.0F, gap, 2.0F, 4.0F});
  ASSERT_EQ(values.size(), 4U);
  EXPECT_DOUBLE_EQ(values[0], 2);
  EXPECT_DOUBLE_EQ(values[1], 2);
  EXPECT_DOUBLE_EQ(values[2], 2);
  EXPECT_GT(values[3], 2);
  EXPECT_LT(values[3], 4);
  EXPECT_TRUE(std::isnan(smoothed(std::vector{gap})[0]));
}

TEST(LossCurve, falls_where_the_losses_fall) {
  std::vector<float> losses(1000);
  for (std::size_t i = 0; i < losses.size(); ++i) losses[i] = i < 500 ? 0.9F : 0.1F;
  const auto chart = loss_curve(losses);
  EXPECT_EQ(chart.width, 960);
  EXPECT_EQ(chart.height, 540);
  const int upper = average_pixels(chart, 40, 180), lower = average_pixels(chart, 330, 470);
  EXPECT_GT(upper, 300);
  EXPECT_GT(lower, 300);
}

TEST(LossCurve, can_be_drawn_of_any_losses) {
  const float infinite = std::numeric_limits<float>::infinity();
  for (const auto& losses : std::vector<std::vector<float>>{{},
                                                            {0.5F},
                                                            {0, 0, 0},
                                                            {infinite, infinite},
                                                            {1e30F, 1e-30F},
                                                            {0.1F, infinite, 0.2F},
                                                            std::vector<float>(100'000, 0.3F)}) {
    const auto chart = loss_curve(losses);
    EXPECT_EQ(chart.data.size(), 960U * 540 * 3);
  }
  EXPECT_GT(average_pixels(loss_curve(std::vector{0.5F}), 0, 540), 0);  // one step is a dot
}

}  // namespace
}  // namespace dream::worker::imaging
