// Surface normals from the slopes of MiDaS' depth, as the first ControlNet for normals was trained
// on: the direction towards the viewer is red, down is green, right is blue.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/midas_depth.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr AnnotatorOption background_threshold = {
    "background_threshold", 0.1,
    "Nearness, from 0 to 1, below which everything is background and faces the viewer.", 0, 1};

constexpr std::array options = {depth_resolution, background_threshold};

constexpr auto towards_viewer = static_cast<float>(2 * std::numbers::pi);  // of a slope of 1

std::uint8_t to_byte(float direction) {
  return static_cast<std::uint8_t>(std::clamp(direction * 127.5F + 127.5F, 0.0F, 255.0F));
}

// CV_8UC3
cv::Mat normals(const MidasDepth& depth, float threshold) {
  cv::Mat right, down;
  cv::Sobel(depth.raw, right, CV_32F, 1, 0, 3);
  cv::Sobel(depth.raw, down, CV_32F, 0, 1, 3);
  cv::Mat map(depth.raw.size(), CV_8UC3);
  for (int row = 0; row < map.rows; ++row) {
    for (int column = 0; column < map.cols; ++column) {
      const bool background = depth.unit.at<float>(row, column) < threshold;
      const float x = background ? 0 : right.at<float>(row, column);
      const float y = background ? 0 : down.at<float>(row, column);
      const float length = std::sqrt(x * x + y * y + towards_viewer * towards_viewer);
      map.at<cv::Vec3b>(row, column) = {to_byte(towards_viewer / length), to_byte(y / length),
                                        to_byte(x / length)};
    }
  }
  return map;
}

class Normal final : public Annotator {
 public:
  explicit Normal(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(normal.name, options, json);
    const auto seen = midas_depth(picture, settings.integer(depth_resolution.name), networks_);
    const auto threshold = static_cast<float>(settings.number(background_threshold.name));
    return to_picture(normals(seen, threshold), picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind normal = {
    "normal", "Surface normals from the slopes of MiDaS' depth", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Normal>(networks);
    }};

}  // namespace dream::worker::imaging
