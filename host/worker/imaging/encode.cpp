#include "host/worker/imaging/encode.hpp"

#include <fmt/format.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>

namespace dream::worker::imaging {
namespace {

constexpr int png_compression = 6;  // zlib's own default; OpenCV's 1 makes files a third larger

std::vector<int> options_of(std::string_view format, int quality) {
  if (format == "png") return {cv::IMWRITE_PNG_COMPRESSION, png_compression};
  if (format == "jpg") return {cv::IMWRITE_JPEG_QUALITY, quality};
  if (format == "webp") return {cv::IMWRITE_WEBP_QUALITY, quality};
  throw std::invalid_argument("no picture format '" + std::string(format) + "': png, jpg or webp");
}

std::vector<std::uint8_t> encode(int width, int height, int channels, const std::uint8_t* pixels,
                                 std::string_view format, int quality) {
  const auto options = options_of(format, quality);
  const cv::Mat rgb(height, width, CV_MAKETYPE(CV_8U, channels),
                    const_cast<std::uint8_t*>(pixels));  // read only
  cv::Mat bgr;  // pixels of its own: the conversion must not write into `pixels`
  if (channels == 1) bgr = rgb;
  if (channels == 3) cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  if (channels == 4) cv::cvtColor(rgb, bgr, cv::COLOR_RGBA2BGRA);
  std::vector<std::uint8_t> file;
  if (!cv::imencode(fmt::format(".{}", format), bgr, file, options))
    throw std::runtime_error(fmt::format("cannot encode a {} picture", format));
  return file;
}

}  // namespace

std::vector<std::uint8_t> encode(const engine::Image& image, std::string_view format, int quality) {
  const auto expected = static_cast<std::size_t>(image.width) * image.height * 3;
  if (image.width <= 0 || image.height <= 0 || image.pixels.size() != expected)
    throw std::invalid_argument("a picture of " + std::to_string(image.width) + " x " +
                                std::to_string(image.height) + " pixels cannot have " +
                                std::to_string(image.pixels.size()) + " bytes");
  return encode(image.width, image.height, 3, image.pixels.data(), format, quality);
}

std::vector<std::uint8_t> encode(const engine::Picture& picture, std::string_view format,
                                 int quality) {
  const bool to_rgb =
      (format == "jpg" && picture.channels == 4) || (format == "webp" && picture.channels == 1);
  const engine::Picture fit = to_rgb ? engine::convert(picture, 3) : engine::Picture();
  const engine::Picture& written = to_rgb ? fit : picture;
  return encode(written.width, written.height, written.channels, written.data.data(), format,
                quality);
}

}  // namespace dream::worker::imaging
