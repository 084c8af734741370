#include "host/worker/imaging/fit.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace dream::worker::imaging {
namespace {

int scaled(int side, double factor) {
  return std::max(1, static_cast<int>(std::lround(side * factor)));
}

int floored(double side, int multiple) {
  return static_cast<int>(side) / multiple * multiple;
}

}  // namespace

ResizeMode resize_mode(std::string_view name) {
  if (name == "fit") return ResizeMode::fit;
  if (name == "fill") return ResizeMode::fill;
  if (name == "stretch") return ResizeMode::stretch;
  throw std::invalid_argument("resize_mode: '" + std::string(name) +
                              "'; allowed are fit, fill and stretch");
}

Placement place(int picture_width, int picture_height, int width, int height, ResizeMode mode) {
  Placement placement{width, height, width, height, 0, 0};
  if (mode == ResizeMode::stretch) return placement;
  const double across = static_cast<double>(width) / picture_width;
  const double down = static_cast<double>(height) / picture_height;
  const double factor =
      mode == ResizeMode::fit ? std::min(across, down) : std::max(across, down);
  // The side that decides is met exactly, whatever rounding says.
  placement.scaled_width = factor == across ? width : scaled(picture_width, factor);
  placement.scaled_height = factor == down ? height : scaled(picture_height, factor);
  placement.x = (width - placement.scaled_width) / 2;
  placement.y = (height - placement.scaled_height) / 2;
  return placement;
}

engine::Picture apply(const Placement& placement, const engine::Picture& picture, Border border) {
  const auto scaled_picture = engine::resample(picture, placement.scaled_width,
                                               placement.scaled_height, engine::Filter::lanczos);
  if (placement.scaled_width == placement.width && placement.scaled_height == placement.height)
    return scaled_picture;
  auto result = engine::blank_picture(placement.width, placement.height, picture.channels);
  for (int y = 0; y < result.height; ++y) {
    const int from_y = std::clamp(y - placement.y, 0, scaled_picture.height - 1);
    for (int x = 0; x < result.width; ++x) {
      const int from_x = std::clamp(x - placement.x, 0, scaled_picture.width - 1);
      const bool outside = from_x != x - placement.x || from_y != y - placement.y;
      auto* const to = result.row(y) + static_cast<std::ptrdiff_t>(x) * picture.channels;
      if (outside && border == Border::white)
        std::fill_n(to, picture.channels, std::uint8_t{255});
      else
        std::copy_n(scaled_picture.row(from_y) +
                        static_cast<std::ptrdiff_t>(from_x) * picture.channels,
                    picture.channels, to);
    }
  }
  return result;
}

Size size_like(int picture_width, int picture_height, Size given, long max_pixels, int multiple) {
  double width = picture_width, height = picture_height;
  if (given.width > 0 && given.height > 0) return given;
  if (given.width > 0) return {given.width, floored(height * given.width / width, multiple)};
  if (given.height > 0) return {floored(width * given.height / height, multiple), given.height};
  const double pixels = width * height;
  const double shrink = std::min(1.0, std::sqrt(static_cast<double>(max_pixels) / pixels));
  // A hair more than the quotient, so that a side that divides evenly is not rounded down.
  return {floored(width * shrink + 1e-6, multiple), floored(height * shrink + 1e-6, multiple)};
}

}  // namespace dream::worker::imaging
