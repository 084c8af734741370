// Resampling as Pillow 13 does it: separable, each pass in fixed point and rounded to 8 bits. The
// filters are those of Heckbert's "zoom" (Graphics Gems III), widened when shrinking.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "sdk/engine/image/picture.hpp"

namespace dream::engine {
namespace {

constexpr int precision_bits = 32 - 8 - 2;  // 8 bits of pixel, 2 for overshoot

double bilinear(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

double bicubic(double x) {  // Keys' kernel with a = -1/2
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

struct Kernel {
  double (*weight)(double x);
  double support;
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::bilinear:
      return {bilinear, 1};
    case Filter::bicubic:
      return {bicubic, 2};
    default:
      return {lanczos, 3};
  }
}

// What one pixel of the result is made of: fixed-point weights of neighbours in a row or column.
struct Taps {
  int first = 0;
  std::vector<int> weights;
};

int to_fixed(double weight) {
  return static_cast<int>((weight < 0 ? -0.5 : 0.5) + weight * (1 << precision_bits));
}

std::vector<Taps> taps_of(int from, int to, const Kernel& kernel) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double support = kernel.support * stretch;
  std::vector<Taps> all(to);
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), from);
    weights.clear();
    double sum = 0;
    for (int x = first; x < end; ++x) {
      weights.push_back(kernel.weight((x - center + 0.5) * (1 / stretch)));
      sum += weights.back();
    }
    all[i].first = first;
    for (const double weight : weights)
      all[i].weights.push_back(to_fixed(sum != 0 ? weight / sum : weight));
  }
  return all;
}

std::uint8_t to_byte(int sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
}

Picture resample_rows(const Picture& from, int width, const Kernel& kernel) {
  Picture to = blank_picture(width, from.height, from.channels);
  const auto taps = taps_of(from.width, width, kernel);
  for (int y = 0; y < from.height; ++y) {
    std::uint8_t* out = to.row(y);
    for (const Taps& tap : taps) {
      const std::uint8_t* in = from.row(y) + std::size_t(tap.first) * from.channels;
      for (int c = 0; c < from.channels; ++c) {
        int sum = 1 << (precision_bits - 1);
        const std::uint8_t* pixel = in + c;
        for (const int weight : tap.weights) {
          sum += *pixel * weight;
          pixel += from.channels;
        }
        *out++ = to_byte(sum);
      }
    }
  }
  return to;
}

Picture resample_columns(const Picture& from, int height, const Kernel& kernel) {
  Picture to = blank_picture(from.width, height, from.channels);
  const auto taps = taps_of(from.height, height, kernel);
  std::vector<int> sums(from.row_bytes());
  for (int y = 0; y < height; ++y) {
    std::ranges::fill(sums, 1 << (precision_bits - 1));
    int source = taps[y].first;
    for (const int weight : taps[y].weights) {
      const std::uint8_t* in = from.row(source++);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += in[i] * weight;
    }
    std::ranges::transform(sums, to.row(y), to_byte);
  }
  return to;
}

// The source position of each result pixel; -1 where rounding leads outside. Steps are added up one
// by one, because their rounding shows in the result.
std::vector<int> nearest_positions(int from, int to) {
  const double step = static_cast<double>(from) / to;
  std::vector<int> positions(to, -1);
  double at = step * 0.5;
  for (int& position : positions) {
    if (at < from) position = static_cast<int>(at);
    at += step;
  }
  return positions;
}

Picture nearest(const Picture& from, int width, int height) {
  Picture to = blank_picture(width, height, from.channels);
  const auto columns = nearest_positions(from.width, width);
  const auto rows = nearest_positions(from.height, height);
  for (int y = 0; y < height; ++y) {
    if (rows[y] < 0) continue;
    const std::uint8_t* in = from.row(rows[y]);
    std::uint8_t* out = to.row(y);
    for (const int x : columns) {
      if (x >= 0) std::copy_n(in + std::size_t(x) * from.channels, from.channels, out);
      out += from.channels;
    }
  }
  return to;
}

std::uint8_t divided_by_255(unsigned value) {
  value += 128;
  return static_cast<std::uint8_t>(((value >> 8) + value) >> 8);
}

// Colours are mixed by how much they show: transparent pixels must not bleed.
void multiply_by_alpha(Picture& picture) {
  for (std::size_t i = 0; i < picture.data.size(); i += 4)
    for (int c = 0; c < 3; ++c)
      picture.data[i + c] = divided_by_255(picture.data[i + c] * picture.data[i + 3]);
}

void divide_by_alpha(Picture& picture) {
  for (std::size_t i = 0; i < picture.data.size(); i += 4) {
    const int alpha = picture.data[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (int c = 0; c < 3; ++c)
      picture.data[i + c] =
          static_cast<std::uint8_t>(std::min(255 * picture.data[i + c] / alpha, 255));
  }
}

}  // namespace

Picture resample(const Picture& picture, int width, int height, Filter filter) {
  if (picture.width == width && picture.height == height) return picture;
  if (filter == Filter::nearest) return nearest(picture, width, height);
  const Kernel kernel = kernel_of(filter);
  Picture result = picture;
  if (result.channels == 4) multiply_by_alpha(result);
  // The order shows, for each pass rounds and clips. Before Pillow 13, rows always came first.
  const bool columns_first =
      height < picture.height && picture.height - height > 2 * (picture.width - width);
  if (columns_first) result = resample_columns(result, height, kernel);
  if (result.width != width) result = resample_rows(result, width, kernel);
  if (result.height != height) result = resample_columns(result, height, kernel);
  if (result.channels == 4) divide_by_alpha(result);
  return result;
}

}  // namespace dream::engine
