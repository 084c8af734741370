// The losses of a training as a picture.
#pragma once

#include <span>
#include <vector>

#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// A chart of 960 x 540 pixels: the loss of each step, the first being 1, and over it their moving
// average, with axes. Values that are no numbers leave gaps.
engine::Picture loss_curve(std::span<const float> losses);

// Where an axis up to `most` is labelled, from 0: about five places at multiples of 1, 2 or 5 times
// a power of ten.
std::vector<double> axis_ticks(double most);

// The average so far, later values counting more; as long as `values`.
std::vector<double> smoothed(std::span<const float> values);

}  // namespace dream::worker::imaging
