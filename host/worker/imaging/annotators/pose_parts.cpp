#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/pose.hpp"

namespace dream::worker::imaging {
namespace {

constexpr int smallest_box = 20;  // pixels

enum Part { nose, right_shoulder = 2, right_elbow, right_wrist, left_shoulder, left_elbow,
            left_wrist, right_eye = 14, left_eye, right_ear, left_ear };

double distance(const cv::Point& a, const cv::Point& b) {
  return std::hypot(a.x - b.x, a.y - b.y);
}

cv::Mat resized(const cv::Mat& map, int side) {
  cv::Mat result;
  const bool shrinks = 2 * side < map.rows + map.cols;
  cv::resize(map, result, {side, side}, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LANCZOS4);
  return result;
}

// The square around a wrist in which its hand lies, cut off at the picture's edges.
std::optional<cv::Rect> hand_box(const Body& body, Part shoulder, Part elbow, Part wrist,
                                 const cv::Size& size) {
  if (!body[shoulder] || !body[elbow] || !body[wrist]) return {};
  constexpr double reach = 0.33;  // of the forearm, beyond the wrist
  const cv::Point2d hand = *body[wrist], arm = *body[elbow];
  double width = 1.5 * std::max(distance(*body[wrist], *body[elbow]),
                                0.9 * distance(*body[elbow], *body[shoulder]));
  const double x = std::max(0.0, hand.x + reach * (hand.x - arm.x) - width / 2);
  const double y = std::max(0.0, hand.y + reach * (hand.y - arm.y) - width / 2);
  width = std::min({width, size.width - x, size.height - y});
  if (width < smallest_box) return {};
  const auto side = static_cast<int>(width);
  return cv::Rect(static_cast<int>(x), static_cast<int>(y), side, side);
}

// The square around a nose in which its face lies.
std::optional<cv::Rect> face_box(const Body& body, const cv::Size& size) {
  if (!body[nose]) return {};
  double reach = 0;
  const auto include = [&](Part part, double factor) {
    if (!body[part]) return;
    const cv::Point way = *body[part] - *body[nose];
    reach = std::max(reach, factor * std::max(std::abs(way.x), std::abs(way.y)));
  };
  for (const Part eye : {right_eye, left_eye}) include(eye, 3);
  for (const Part ear : {right_ear, left_ear}) include(ear, 1.5);
  const double x = std::max(0.0, body[nose]->x - reach), y = std::max(0.0, body[nose]->y - reach);
  const double width = x + reach > size.width ? size.width - x : 2 * reach;
  const double height = y + reach > size.height ? size.height - y : 2 * reach;
  const double side = std::min(width, height);
  if (side < smallest_box) return {};
  // What leads out of the picture is left out.
  return cv::Rect(static_cast<int>(x), static_cast<int>(y), static_cast<int>(side),
                  static_cast<int>(side)) &
         cv::Rect({}, size);
}

// Where `map` is highest within the one of its hills that weighs most.
std::optional<cv::Point> hill_top(cv::Mat map) {
  constexpr double threshold = 0.05, sigma = 3;
  const cv::Mat high = gaussian_filter(map, sigma) > threshold;
  if (cv::countNonZero(high) == 0) return {};
  cv::Mat labels;
  const int count = cv::connectedComponents(high, labels, 8, CV_32S);
  std::vector<double> weights(count);
  for (int y = 0; y < map.rows; ++y)
    for (int x = 0; x < map.cols; ++x) weights[labels.at<int>(y, x)] += map.at<double>(y, x);
  const auto heaviest = std::max_element(weights.begin() + 1, weights.end()) - weights.begin();
  map.setTo(0, labels != static_cast<double>(heaviest));
  cv::Point top;
  cv::minMaxLoc(map, nullptr, nullptr, nullptr, &top);
  return top;
}

// 21 points within a crop; 0, 0 for what is not seen.
std::vector<cv::Point> hand_points(const engine::AnnotatorNetwork& network, const cv::Mat& crop) {
  constexpr int side = 128, box = 368, points = 21;
  constexpr std::array<double, 4> scales = {0.5, 1.0, 1.5, 2.0};
  cv::Mat smooth;
  // The crop ends where it ends, whatever the picture shows around it.
  cv::GaussianBlur(crop, smooth, {0, 0}, 0.8, 0, cv::BORDER_DEFAULT | cv::BORDER_ISOLATED);
  std::array<cv::Mat, points> heat;
  for (const double scale : scales) {
    const cv::Mat fed = resized(smooth, static_cast<int>(scale * box));
    const auto maps = network.run(to_network(fed, 256, -0.5F)).at(0);
    for (int i = 0; i < points; ++i) {
      const cv::Mat map = channel(maps, i);
      cv::Mat large = resized(map, map.rows * 8), even;
      resized(large, side).convertTo(even, CV_64F);
      even /= static_cast<double>(scales.size());
      heat[i] = heat[i].empty() ? even : cv::Mat(heat[i] + even);
    }
  }
  std::vector<cv::Point> found;
  for (const cv::Mat& map : heat) {
    const auto top = hill_top(map);
    const auto in_crop = [](int at, int size) { return int(double(at) * size / side); };
    found.push_back(top ? cv::Point(in_crop(top->x, crop.cols), in_crop(top->y, crop.rows))
                        : cv::Point(0, 0));
  }
  return found;
}

// Bilinear with aligned corners, as torch.nn.functional.interpolate has it.
cv::Mat stretched(const cv::Mat& map, const cv::Size& size) {
  cv::Mat result(size, CV_32F);
  const auto step = [](int in, int out) { return out > 1 ? float(in - 1) / float(out - 1) : 0.0F; };
  const float step_x = step(map.cols, size.width), step_y = step(map.rows, size.height);
  for (int y = 0; y < size.height; ++y) {
    const float at_y = step_y * static_cast<float>(y);
    const int top = static_cast<int>(at_y), bottom = std::min(top + 1, map.rows - 1);
    const float down = at_y - static_cast<float>(top);
    for (int x = 0; x < size.width; ++x) {
      const float at_x = step_x * static_cast<float>(x);
      const int left = static_cast<int>(at_x), right = std::min(left + 1, map.cols - 1);
      const float over = at_x - static_cast<float>(left);
      const auto row = [&](int from) {
        return (1 - over) * map.at<float>(from, left) + over * map.at<float>(from, right);
      };
      result.at<float>(y, x) = (1 - down) * row(top) + down * row(bottom);
    }
  }
  return result;
}

// The highest place of each heatmap that reaches the threshold.
std::vector<cv::Point> face_points(const engine::AnnotatorNetwork& network, const cv::Mat& crop) {
  constexpr int side = 384;
  constexpr double threshold = 0.05;
  const auto maps = network.run(to_network(resized(crop, side), 256, -0.5F)).at(0);
  std::vector<cv::Point> found;
  for (int i = 0; i < maps.shape.at(1); ++i) {
    double highest = 0;
    cv::Point place;
    cv::minMaxLoc(stretched(channel(maps, i), crop.size()), nullptr, &highest, nullptr, &place);
    if (highest > threshold) found.push_back(place);
  }
  return found;
}

// From the crop into the picture; a coordinate that is 0 in the crop stands for none.
Points in_picture(const std::vector<cv::Point>& points, const cv::Rect& box) {
  Points placed;
  const auto move = [](int at, int by) { return at == 0 ? -1.0F : static_cast<float>(at + by); };
  for (const auto& point : points) placed.emplace_back(move(point.x, box.x), move(point.y, box.y));
  return placed;
}

}  // namespace

std::vector<Points> find_hands(const engine::AnnotatorNetwork& network, const cv::Mat& bgr,
                               const Body& body) {
  std::vector<Points> hands;
  for (const auto& box :
       {hand_box(body, left_shoulder, left_elbow, left_wrist, bgr.size()),
        hand_box(body, right_shoulder, right_elbow, right_wrist, bgr.size())})
    if (box) hands.push_back(in_picture(hand_points(network, bgr(*box)), *box));
  return hands;
}

Points find_face(const engine::AnnotatorNetwork& network, const cv::Mat& bgr, const Body& body) {
  const auto box = face_box(body, bgr.size());
  return box ? in_picture(face_points(network, bgr(*box)), *box) : Points();
}

}  // namespace dream::worker::imaging
