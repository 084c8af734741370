// How pictures of any size come to fill an output: one geometry for a picture and its mask.
#pragma once

#include <string_view>

#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// fit: all of the picture is seen, centred, beside borders; fill: the output is covered, what
// sticks out is cut off; stretch: the sides are scaled apart.
enum class ResizeMode { fit, fill, stretch };

// "fit", "fill", "stretch"; anything else throws std::invalid_argument.
ResizeMode resize_mode(std::string_view name);

// Where a picture lies in an output: scaled to scaled_width x scaled_height, its upper left corner
// at (x, y), which is negative where the picture is cut off.
struct Placement {
  int width = 0, height = 0;  // of the output
  int scaled_width = 0, scaled_height = 0;
  int x = 0, y = 0;
};

// For a picture of picture_width x picture_height. All sizes from 1.
Placement place(int picture_width, int picture_height, int width, int height, ResizeMode mode);

// What fills the borders of `fit`: the picture's own edge, or white.
enum class Border { edge, white };

// Pillow's Lanczos, so that pictures reach the model as they do in diffusers.
engine::Picture apply(const Placement& placement, const engine::Picture& picture, Border border);

struct Size {
  int width = 0, height = 0;
};

// The size of an output that follows a picture: its own, scaled down to at most `max_pixels`, both
// sides rounded down to multiples of `multiple` (0 where nothing is left). A side that is given
// (not 0) stays, the other keeps the picture's proportions.
Size size_like(int picture_width, int picture_height, Size given, long max_pixels, int multiple);

}  // namespace dream::worker::imaging
