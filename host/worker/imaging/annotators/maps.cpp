#include "host/worker/imaging/annotators/maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace dream::worker::imaging {
namespace {

constexpr double max_detect_pixels = 1 << 24;

cv::Mat plane(const engine::HostTensor& map, std::int64_t index) {
  const auto height = map.shape.at(2), width = map.shape.at(3);
  const float* first = map.data.data() + index * height * width;
  return {static_cast<int>(height), static_cast<int>(width), CV_32F, const_cast<float*>(first)};
}

cv::Mat resized(const engine::Picture& picture, int width, int height, bool grows) {
  cv::Mat result;
  cv::resize(view(picture), result, {width, height}, 0, 0,
             grows ? cv::INTER_LANCZOS4 : cv::INTER_AREA);
  return result;
}

}  // namespace

cv::Mat view(const engine::Picture& picture) {
  return {picture.height, picture.width, CV_8UC(picture.channels),
          const_cast<std::uint8_t*>(picture.data.data())};
}

cv::Mat at_resolution(const engine::Picture& picture, int resolution) {
  const double scale = double(resolution) / std::min(picture.width, picture.height);
  // Half a step goes to the even multiple, as numpy rounds.
  const auto side = [&](int pixels) { return std::nearbyint(pixels * scale / 64) * 64; };
  const double width = side(picture.width), height = side(picture.height);
  if (width * height > max_detect_pixels) {
    throw engine::InvalidInput(fmt::format(
        "a picture of {} x {} pixels is too long for its annotator, which would look at {} x {}",
        picture.width, picture.height, width, height));
  }
  return resized(picture, static_cast<int>(width), static_cast<int>(height), scale > 1);
}

cv::Mat at_size(const engine::Picture& picture, int width, int height) {
  const bool grows = static_cast<double>(width) * height >
                     static_cast<double>(picture.width) * picture.height;
  return resized(picture, width, height, grows);
}

engine::HostTensor to_network(const cv::Mat& picture, float divisor, float offset) {
  const int count = picture.channels();
  engine::HostTensor tensor{{1, count, picture.rows, picture.cols}, {}};
  tensor.data.resize(picture.total() * count);
  const std::size_t plane_size = picture.total();
  for (int y = 0; y < picture.rows; ++y) {
    const auto* row = picture.ptr<std::uint8_t>(y);
    float* out = tensor.data.data() + static_cast<std::size_t>(y) * picture.cols;
    for (int x = 0; x < picture.cols; ++x)
      for (int c = 0; c < count; ++c)
        out[c * plane_size + x] = row[x * count + c] / divisor + offset;
  }
  return tensor;
}

engine::HostTensor to_imagenet_range(const cv::Mat& rgb) {
  constexpr std::array mean = {0.485F, 0.456F, 0.406F}, deviation = {0.229F, 0.224F, 0.225F};
  auto tensor = to_network(rgb, 255, 0);
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const auto first = tensor.data.begin() + static_cast<std::ptrdiff_t>(c * rgb.total());
    std::transform(first, first + static_cast<std::ptrdiff_t>(rgb.total()), first,
                   [&](float value) { return (value - mean[c]) / deviation[c]; });
  }
  return tensor;
}

cv::Mat channel(const engine::HostTensor& map, int index) {
  return plane(map, index).clone();
}

cv::Mat channels(const engine::HostTensor& map) {
  std::vector<cv::Mat> planes;
  for (std::int64_t i = 0; i < map.shape.at(1); ++i) planes.push_back(plane(map, i));
  cv::Mat merged;
  cv::merge(planes, merged);
  return merged;
}

cv::Mat to_bytes(const cv::Mat& map) {
  cv::Mat bytes(map.size(), CV_8U);
  // The factor in the map's own precision: it decides on which side of a whole number a value is.
  const auto convert = [&](auto zero) {
    using T = decltype(zero);
    for (int y = 0; y < map.rows; ++y)
      std::transform(map.ptr<T>(y), map.ptr<T>(y) + map.cols, bytes.ptr(y), [](T value) {
        const T scaled = value * T{255};
        // Also for what is no number.
        return static_cast<std::uint8_t>(scaled > T{0} ? std::min(scaled, T{255}) : T{0});
      });
  };
  if (map.depth() == CV_64F) {
    convert(double{});
  } else {
    convert(float{});
  }
  return bytes;
}

engine::Picture to_picture(const cv::Mat& map, const engine::Picture& picture) {
  cv::Mat resized;
  cv::resize(map, resized, {picture.width, picture.height}, 0, 0, cv::INTER_LINEAR);
  return to_picture(resized);
}

engine::Picture to_picture(const cv::Mat& map) {
  auto result = engine::blank_picture(map.cols, map.rows, map.channels());
  for (int y = 0; y < map.rows; ++y) std::memcpy(result.row(y), map.ptr(y), result.row_bytes());
  return map.channels() == 3 ? result : engine::convert(result, 3);
}

}  // namespace dream::worker::imaging
