#include "host/worker/imaging/annotators/midas_depth.hpp"

#include <algorithm>
#include <cmath>

#include "host/worker/imaging/annotators/maps.hpp"

namespace dream::worker::imaging {
namespace {

constexpr int size_multiple = 32, longest_side = 1024;

cv::Mat at_own_size(const engine::Picture& picture) {
  const double factor =
      std::min(1.0, static_cast<double>(longest_side) / std::max(picture.width, picture.height));
  const auto side = [&](int pixels) {
    const auto multiples = static_cast<int>(std::lround(pixels * factor / size_multiple));
    return std::max(multiples, 1) * size_multiple;
  };
  return at_size(picture, side(picture.width), side(picture.height));
}

cv::Mat to_unit(const cv::Mat& depth) {
  double lowest = 0, highest = 0;
  cv::minMaxLoc(depth, &lowest, &highest);
  const auto range = static_cast<float>(highest) - static_cast<float>(lowest);
  cv::Mat unit(depth.size(), CV_32F, cv::Scalar(0));
  if (!(range > 0)) return unit;
  std::transform(depth.begin<float>(), depth.end<float>(), unit.begin<float>(),
                 [&](float value) { return (value - static_cast<float>(lowest)) / range; });
  return unit;
}

}  // namespace

MidasDepth midas_depth(const engine::Picture& picture, int resolution, Networks& networks) {
  const cv::Mat scaled =
      resolution == 0 ? at_own_size(picture) : at_resolution(picture, std::max(resolution, 64));
  auto depth = networks.get("midas")->run(to_network(scaled, 127.5F, -1)).at(0);
  const cv::Mat raw = cv::Mat(scaled.size(), CV_32F, depth.data.data()).clone();
  return {raw, to_unit(raw)};
}

}  // namespace dream::worker::imaging
