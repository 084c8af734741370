#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/pose.hpp"

namespace dream::worker::imaging {
namespace {

// Hues around the circle: of part i, and of limb i.
constexpr std::array<std::array<int, 3>, 18> colors = {
    {{255, 0, 0},   {255, 85, 0},  {255, 170, 0}, {255, 255, 0}, {170, 255, 0}, {85, 255, 0},
     {0, 255, 0},   {0, 255, 85},  {0, 255, 170}, {0, 255, 255}, {0, 170, 255}, {0, 85, 255},
     {0, 0, 255},   {85, 0, 255},  {170, 0, 255}, {255, 0, 255}, {255, 0, 170}, {255, 0, 85}}};

cv::Scalar color_of(std::size_t i) {
  return {double(colors[i][0]), double(colors[i][1]), double(colors[i][2])};
}

// A limb is a flat ellipse, laid half transparent over what is there.
void draw_limb(cv::Mat& canvas, const cv::Point& from, const cv::Point& to,
               const cv::Scalar& color) {
  constexpr int half_width = 4;
  const cv::Point2d way = from - to;
  const double length = std::sqrt(way.x * way.x + way.y * way.y);
  const double angle = std::atan2(way.y, way.x) * (180 / std::numbers::pi);
  const cv::Point middle((from.x + to.x) / 2, (from.y + to.y) / 2);
  std::vector<cv::Point> outline;
  cv::ellipse2Poly(middle, {static_cast<int>(length / 2), half_width}, static_cast<int>(angle), 0,
                   360, 1, outline);
  cv::Mat above = canvas.clone();
  cv::fillConvexPoly(above, outline, color);
  cv::addWeighted(canvas, 0.4, above, 0.6, 0, canvas);
}

// Through the share of the picture's side and back, in single precision, where a coordinate may
// lose a pixel; nothing for one at or beyond the edge.
std::optional<cv::Point> on_canvas(const cv::Point2f& point, const cv::Size& size) {
  const auto pixel = [](float at, int side) {
    const auto whole = static_cast<float>(side);
    return static_cast<int>(at / whole * whole);
  };
  const cv::Point place(pixel(point.x, size.width), pixel(point.y, size.height));
  if (place.x < 1 || place.y < 1) return {};
  return place;
}

// A color of full saturation; `hue` in 0..1.
cv::Scalar hue_color(double hue) {
  const double sixth = hue * 6;
  const auto part = [sixth](double shift) {
    const double k = std::fmod(shift + sixth, 6);
    return 255 * (1 - std::clamp(std::min(k, 4 - k), 0.0, 1.0));
  };
  return {part(5), part(3), part(1)};
}

}  // namespace

void draw_bodies(cv::Mat& canvas, const std::vector<Body>& bodies) {
  for (std::size_t part = 0; part < colors.size(); ++part)
    for (const Body& body : bodies)
      if (body[part]) cv::circle(canvas, *body[part], 4, color_of(part), cv::FILLED);
  for (std::size_t i = 0; i < 17; ++i) {
    for (const Body& body : bodies) {
      const auto &from = body[limbs[i].from], &to = body[limbs[i].to];
      if (from && to) draw_limb(canvas, *from, *to, color_of(i));
    }
  }
}

void draw_hand(cv::Mat& canvas, const Points& hand) {
  constexpr int fingers = 5, bones = 4;
  for (int i = 0; i < fingers * bones; ++i) {
    const int to = i + 1, from = i % bones == 0 ? 0 : i;
    const auto a = on_canvas(hand.at(from), canvas.size());
    const auto b = on_canvas(hand.at(to), canvas.size());
    if (a && b) cv::line(canvas, *a, *b, hue_color(i / double(fingers * bones)), 2);
  }
  for (const auto& point : hand)
    if (const auto place = on_canvas(point, canvas.size()))
      cv::circle(canvas, *place, 4, {0, 0, 255}, cv::FILLED);
}

void draw_face(cv::Mat& canvas, const Points& face) {
  for (const auto& point : face)
    if (const auto place = on_canvas(point, canvas.size()))
      cv::circle(canvas, *place, 3, {255, 255, 255}, cv::FILLED);
}

}  // namespace dream::worker::imaging
