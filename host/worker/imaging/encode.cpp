#include "host/worker/imaging/encode.hpp"

#include <fmt/format.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>

namespace dream::worker::imaging {
namespace {

constexpr int png_compression = 6;  // zlib's own default; OpenCV's 1 makes files a third larger

}  // namespace

std::vector<std::uint8_t> encode(const engine::Image& image, std::string_view format, int quality) {
  const auto expected = static_cast<std::size_t>(image.width) * image.height * 3;
  if (image.width <= 0 || image.height <= 0 || image.pixels.size() != expected)
    throw std::invalid_argument("a picture of " + std::to_string(image.width) + " x " +
                                std::to_string(image.height) + " pixels cannot have " +
                                std::to_string(image.pixels.size()) + " bytes");
  std::vector<int> options;
  if (format == "png")
    options = {cv::IMWRITE_PNG_COMPRESSION, png_compression};
  else if (format == "jpg")
    options = {cv::IMWRITE_JPEG_QUALITY, quality};
  else if (format == "webp")
    options = {cv::IMWRITE_WEBP_QUALITY, quality};
  else
    throw std::invalid_argument("no picture format '" + std::string(format) +
                                "': png, jpg or webp");
  const cv::Mat rgb(image.height, image.width, CV_8UC3,
                    const_cast<std::uint8_t*>(image.pixels.data()));  // read only
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> file;
  const std::string extension = fmt::format(".{}", format);
  if (!cv::imencode(extension, bgr, file, options))
    throw std::runtime_error(fmt::format("cannot encode a {} picture", format));
  return file;
}

}  // namespace dream::worker::imaging
