#include "host/worker/imaging/fit.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace dream::worker::imaging {
namespace {

std::string text(const Placement& p) {
  return std::to_string(p.scaled_width) + "x" + std::to_string(p.scaled_height) + "+" +
         std::to_string(p.x) + "+" + std::to_string(p.y);
}

// Columns of one colour each: 10, 20, 30, ...
engine::Picture stripes(int width, int height) {
  auto picture = engine::blank_picture(width, height, 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) picture.row(y)[x] = static_cast<std::uint8_t>(10 * (x + 1));
  return picture;
}

TEST(Fit, places_pictures_by_their_proportions) {
  EXPECT_EQ(text(place(200, 100, 64, 64, ResizeMode::stretch)), "64x64+0+0");
  EXPECT_EQ(text(place(200, 100, 64, 64, ResizeMode::fit)), "64x32+0+16");
  EXPECT_EQ(text(place(200, 100, 64, 64, ResizeMode::fill)), "128x64+-32+0");
  EXPECT_EQ(text(place(100, 200, 64, 64, ResizeMode::fit)), "32x64+16+0");
  EXPECT_EQ(text(place(100, 200, 64, 64, ResizeMode::fill)), "64x128+0+-32");
  EXPECT_EQ(text(place(7, 7, 64, 64, ResizeMode::fill)), "64x64+0+0");
  EXPECT_EQ(text(place(1000, 1, 64, 64, ResizeMode::fit)), "64x1+0+31");
}

TEST(Fit, cuts_off_what_sticks_out) {
  const auto picture = stripes(8, 4);
  const auto result = apply(place(8, 4, 4, 4, ResizeMode::fill), picture, Border::edge);
  ASSERT_EQ(result.width, 4);
  for (int x = 0; x < 4; ++x) EXPECT_EQ(result.row(2)[x], picture.row(0)[x + 2]);
}

TEST(Fit, fills_borders_with_the_edge_or_white) {
  const auto picture = stripes(4, 8);
  const auto placement = place(4, 8, 8, 8, ResizeMode::fit);
  const auto edge = apply(placement, picture, Border::edge);
  const auto white = apply(placement, picture, Border::white);
  const int expected_edge[] = {10, 10, 10, 20, 30, 40, 40, 40};
  const int expected_white[] = {255, 255, 10, 20, 30, 40, 255, 255};
  for (int x = 0; x < 8; ++x) {
    EXPECT_EQ(edge.row(5)[x], expected_edge[x]);
    EXPECT_EQ(white.row(5)[x], expected_white[x]);
  }
}

TEST(Fit, sizes_an_output_after_its_picture) {
  const auto size = [](int width, int height, Size given = {}) {
    const auto result = size_like(width, height, given, 786432, 8);
    return std::to_string(result.width) + "x" + std::to_string(result.height);
  };
  EXPECT_EQ(size(512, 768), "512x768");
  EXPECT_EQ(size(517, 775), "512x768");
  EXPECT_EQ(size(4000, 3000), "1024x768");
  EXPECT_EQ(size(3000, 4000), "768x1024");
  EXPECT_EQ(size(8000, 8000), "880x880");
  EXPECT_EQ(size(300, 200, {512, 0}), "512x336");
  EXPECT_EQ(size(300, 200, {0, 512}), "768x512");
  EXPECT_EQ(size(300, 200, {128, 128}), "128x128");
  EXPECT_EQ(size(7, 700), "0x696");
}

TEST(Fit, names_a_mode_it_does_not_know) {
  EXPECT_EQ(resize_mode("fit"), ResizeMode::fit);
  EXPECT_THROW(resize_mode("crop"), std::invalid_argument);
}

}  // namespace
}  // namespace dream::worker::imaging
