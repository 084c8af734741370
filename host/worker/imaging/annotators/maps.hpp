// What annotators do before and after their networks: pictures to tensors at the size a network
// looks at, maps back to pictures.
#pragma once

#include <opencv2/core.hpp>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// The picture's own pixels, not a copy: only to read.
cv::Mat view(const engine::Picture& picture);

// A copy whose shorter side has about `resolution` pixels, both sides multiples of 64, as
// controlnet-aux's resize_image makes it. Throws engine::InvalidInput for a picture so long and
// thin that it would grow out of bounds.
cv::Mat at_resolution(const engine::Picture& picture, int resolution);

// A copy of width x height, with the same filters.
cv::Mat at_size(const engine::Picture& picture, int width, int height);

// 8-bit height x width x channels to [1, channels, height, width]: value / divisor + offset.
engine::HostTensor to_network(const cv::Mat& picture, float divisor, float offset);
// 8-bit RGB to [1, 3, height, width], with the mean and the deviation of ImageNet's pictures taken
// off each channel.
engine::HostTensor to_imagenet_range(const cv::Mat& rgb);

// Channel `index` of the map [1, channels, height, width], CV_32F; a copy.
cv::Mat channel(const engine::HostTensor& map, int index);
// All channels of it, interleaved.
cv::Mat channels(const engine::HostTensor& map);

// 0..1 (or what is cut off to it) to 0..255 without rounding; CV_32F or CV_64F to CV_8U.
cv::Mat to_bytes(const cv::Mat& map);

// A map of 1 or 3 channels at the picture's size, RGB.
engine::Picture to_picture(const cv::Mat& map, const engine::Picture& picture);
// The same for one that has the size already.
engine::Picture to_picture(const cv::Mat& map);

}  // namespace dream::worker::imaging
