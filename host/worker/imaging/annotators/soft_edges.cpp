#include "host/worker/imaging/annotators/soft_edges.hpp"

#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "host/worker/imaging/annotators/maps.hpp"

namespace dream::worker::imaging {
namespace {

// The five maps of controlnet-hed at the size of the largest, averaged and squashed.
cv::Mat blended(const std::vector<engine::HostTensor>& maps) {
  cv::Mat sum;
  for (const auto& map : maps) {
    cv::Mat resized;
    const cv::Mat logits = channel(map, 0);
    cv::resize(logits, resized, sum.empty() ? logits.size() : sum.size(), 0, 0, cv::INTER_LINEAR);
    // In single precision, like the mean of a float array.
    sum = sum.empty() ? resized : cv::Mat(sum + resized);
  }
  cv::Mat edges;
  sum.convertTo(edges, CV_64F);
  const auto count = static_cast<float>(maps.size());
  edges.forEach<double>([count](double& value, const int*) {
    value = 1 / (1 + std::exp(-static_cast<double>(static_cast<float>(value) / count)));
  });
  return edges;
}

cv::Mat compute(Networks& networks, std::string_view network, const cv::Mat& rgb) {
  const auto loaded = networks.get(network);
  if (network == "controlnet-hed") return blended(loaded->run(to_network(rgb, 1, 0)));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  return channel(loaded->run(to_network(bgr, 255, 0)).at(0), 0);
}

}  // namespace

cv::Mat soft_edges(Networks& networks, std::string_view network, const cv::Mat& rgb,
                   const SoftEdgeOptions& options) {
  cv::Mat edges = compute(networks, network, rgb);
  if (options.apply_filter) {
    edges = edges > 0.5;  // 255 where true
    edges.convertTo(edges, CV_32F, 1.0 / 255);
  }
  if (options.safe) {
    edges.convertTo(edges, CV_32F);
    edges.forEach<float>([](float& value, const int*) { value = std::trunc(value * 3) / 2; });
  }
  return to_bytes(edges);
}

cv::Mat strokes(const cv::Mat& edges) {
  constexpr double sigma = 3, threshold = 127;
  cv::Mat smooth;
  edges.convertTo(smooth, CV_32F);
  cv::GaussianBlur(smooth, smooth, {0, 0}, sigma);
  // A pixel stays that is the highest of three across an edge, in any of four directions.
  constexpr std::array<std::array<std::uint8_t, 9>, 4> directions = {{{0, 0, 0, 1, 1, 1, 0, 0, 0},
                                                                      {0, 1, 0, 0, 1, 0, 0, 1, 0},
                                                                      {1, 0, 0, 0, 1, 0, 0, 0, 1},
                                                                      {0, 0, 1, 0, 1, 0, 1, 0, 0}}};
  cv::Mat ridges(edges.size(), CV_8U, cv::Scalar(0));
  for (auto direction : directions) {
    cv::Mat highest;
    cv::dilate(smooth, highest, cv::Mat(3, 3, CV_8U, direction.data()));
    ridges |= (highest == smooth) & (smooth > threshold);
  }
  cv::GaussianBlur(ridges, ridges, {0, 0}, sigma);
  return ridges > 4;
}

}  // namespace dream::worker::imaging
