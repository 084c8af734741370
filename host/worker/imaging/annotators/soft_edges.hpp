// Edges of a picture in shades of grey by one of three networks, and the strokes that can be drawn
// from them: what HED, PiDiNet and scribbles have in common.
#pragma once

#include <opencv2/core.hpp>
#include <string_view>

#include "host/worker/imaging/annotators/networks.hpp"

namespace dream::worker::imaging {

struct SoftEdgeOptions {
  bool safe = false;          // three shades only, so that nothing of the picture is hidden in them
  bool apply_filter = false;  // black and white at one half
};

// `network` is "hed", "controlnet-hed" or "pidinet"; `rgb` has sides in multiples of 64. CV_8U of
// the same size.
cv::Mat soft_edges(Networks& networks, std::string_view network, const cv::Mat& rgb,
                   const SoftEdgeOptions& options);

// Strokes, white on black, along the ridges of soft edges (CV_8U to CV_8U): a map that looks drawn.
cv::Mat strokes(const cv::Mat& edges);

}  // namespace dream::worker::imaging
