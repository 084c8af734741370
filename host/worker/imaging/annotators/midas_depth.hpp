// The depth that MiDaS sees, which two annotators draw: `depth` itself and, from its slopes,
// `normal`.
#pragma once

#include <opencv2/core.hpp>

#include "host/worker/imaging/annotators/networks.hpp"
#include "host/worker/imaging/annotators/option.hpp"
#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// The first templates gave MiDaS the picture as it is, which failed unless its sides were multiples
// of 32; controlnet-aux scales it to a resolution.
inline constexpr AnnotatorOption depth_resolution = {
    "detect_resolution", std::int64_t{0},
    "Pixels of the shorter side, in steps of 64, at which the annotator looks at the picture. 0: "
    "its own size, in steps of 32 and up to 1024.",
    0, 2048};

struct MidasDepth {
  cv::Mat raw;   // CV_32F: larger is nearer, without a scale
  cv::Mat unit;  // the same from 0 to 1; all 0 where nothing is nearer than the rest
};

// `resolution` as the option says it. Throws what Networks::get() throws.
MidasDepth midas_depth(const engine::Picture& picture, int resolution, Networks& networks);

}  // namespace dream::worker::imaging
