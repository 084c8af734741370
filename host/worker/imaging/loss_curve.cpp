#include "host/worker/imaging/loss_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>
#include <string>

namespace dream::worker::imaging {
namespace {

constexpr int width = 960, height = 540;
constexpr int left = 90, right = 930, top = 40, bottom = 470;
constexpr int most_points = 4 * (right - left);  // more would only blur
constexpr int subpixel_bits = 4;

// The channels are ours, RGB.
const cv::Scalar white(255, 255, 255), grid(225, 228, 232), ink(60, 64, 70);
const cv::Scalar each_step(176, 205, 240), average(24, 92, 180);

struct Axes {
  double steps;  // at the right end
  double loss;   // at the upper end

  cv::Point at(double step, double value) const {
    const double x = left + (right - left) * step / steps;
    const double y = bottom - (bottom - top) * std::clamp(value / loss, 0.0, 1.0);
    return {static_cast<int>(std::lround(x * (1 << subpixel_bits))),
            static_cast<int>(std::lround(y * (1 << subpixel_bits)))};
  }
};

enum class Anchor { at_start, centre, at_end };

void write(cv::Mat& chart, const std::string& text, int x, int y, Anchor anchor) {
  constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
  constexpr double size = 0.5;
  int below = 0;
  const int wide = cv::getTextSize(text, font, size, 1, &below).width;
  const int shift = anchor == Anchor::at_start ? 0 : anchor == Anchor::centre ? wide / 2 : wide;
  cv::putText(chart, text, {x - shift, y}, font, size, ink, 1, cv::LINE_AA);
}

void draw_axes(cv::Mat& chart, const Axes& axes) {
  const auto pixel = [](cv::Point point) {
    return cv::Point(point.x >> subpixel_bits, point.y >> subpixel_bits);
  };
  for (const double tick : axis_ticks(axes.loss)) {
    const int y = pixel(axes.at(0, tick)).y;
    cv::line(chart, {left, y}, {right, y}, grid);
    write(chart, fmt::format("{:.4g}", tick), left - 10, y + 5, Anchor::at_end);
  }
  for (const double tick : axis_ticks(axes.steps)) {
    const int x = pixel(axes.at(tick, 0)).x;
    cv::line(chart, {x, bottom}, {x, bottom + 5}, ink);
    write(chart, fmt::format("{:.6g}", tick), x, bottom + 22, Anchor::centre);
  }
  cv::line(chart, {left, top}, {left, bottom}, ink);
  cv::line(chart, {left, bottom}, {right, bottom}, ink);
  write(chart, "step", (left + right) / 2, bottom + 48, Anchor::centre);
  write(chart, "loss", left, top - 16, Anchor::centre);
}

template <class Values>
void draw_line(cv::Mat& chart, const Axes& axes, const Values& values, const cv::Scalar& colour,
               int thickness) {
  const std::size_t stride = values.size() / most_points + 1;
  std::vector<cv::Point> points;
  const auto flush = [&] {
    if (points.size() == 1) points.push_back(points.front());  // a dot is a line to itself
    if (!points.empty())
      cv::polylines(chart, points, false, colour, thickness, cv::LINE_AA, subpixel_bits);
    points.clear();
  };
  for (std::size_t i = 0; i < values.size(); i += stride) {
    if (std::isfinite(values[i]))
      points.push_back(axes.at(static_cast<double>(i + 1), static_cast<double>(values[i])));
    else
      flush();
  }
  flush();
}

// Nearly all losses; a single one that leaps does not press the others flat.
double upper_end(std::span<const float> losses) {
  std::vector<float> finite;
  std::ranges::copy_if(losses, std::back_inserter(finite),
                       [](float x) { return std::isfinite(x); });
  if (finite.empty()) return 1;
  const auto place = finite.begin() + static_cast<std::ptrdiff_t>((finite.size() - 1) * 99 / 100);
  std::ranges::nth_element(finite, place);
  return *place > 0 ? *place * 1.1 : 1;
}

}  // namespace

std::vector<double> axis_ticks(double most) {
  constexpr double wanted = 5;
  const double rough = most / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5, 2, 1})
    if (factor * power >= rough * 0.999) step = factor * power;
  std::vector<double> ticks;
  for (int i = 0; i * step <= most * 1.0001; ++i) ticks.push_back(i * step);
  return ticks;
}

std::vector<double> smoothed(std::span<const float> values) {
  // Over a fiftieth of the steps or so; weights that begin at the first value, not at 0.
  const double decay = 1 - 1 / std::clamp(static_cast<double>(values.size()) / 50, 2.0, 100.0);
  std::vector<double> result;
  result.reserve(values.size());
  double sum = 0, weight = 0;
  for (const float value : values) {
    if (std::isfinite(value)) {
      sum = decay * sum + value;
      weight = decay * weight + 1;
    }
    result.push_back(weight > 0 ? sum / weight : std::nan(""));
  }
  return result;
}

engine::Picture loss_curve(std::span<const float> losses) {
  auto picture = engine::blank_picture(width, height, 3);
  cv::Mat chart(height, width, CV_8UC3, picture.data.data());
  chart.setTo(white);
  const Axes axes{std::max(1.0, static_cast<double>(losses.size())), upper_end(losses)};
  draw_axes(chart, axes);
  draw_line(chart, axes, losses, each_step, 1);
  draw_line(chart, axes, smoothed(losses), average, 2);
  return picture;
}

}  // namespace dream::worker::imaging
