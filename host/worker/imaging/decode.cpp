#include "host/worker/imaging/decode.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "host/worker/imaging/picture_file.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {
namespace {
namespace fs = std::filesystem;
using engine::InvalidInput;

void check_size(const PictureFile& picture) {
  if (std::uint64_t{picture.width} * picture.height <= max_picture_pixels) return;
  throw InvalidInput("it has " + std::to_string(picture.width) + " x " +
                     std::to_string(picture.height) + " pixels: at most 64 million are allowed");
}

cv::Mat run_codec(std::span<const std::uint8_t> file, FileFormat format) {
  const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8UC1,
                      const_cast<std::uint8_t*>(file.data()));  // read only
  cv::Mat decoded;
  try {
    decoded = cv::imdecode(bytes, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception&) {
    decoded.release();
  }
  if (!decoded.empty()) return decoded;
  if (format == FileFormat::gif)
    throw InvalidInput("it is a GIF file, which this dream cannot read: convert it to PNG");
  throw InvalidInput("its " + name_of(format) +
                     " data is damaged or of a kind that cannot be read");
}

cv::Mat to_8_bit(const cv::Mat& decoded) {
  if (decoded.depth() == CV_8U) return decoded;
  if (decoded.depth() != CV_16U) throw InvalidInput("its values are neither 8- nor 16-bit numbers");
  cv::Mat narrow(decoded.size(), CV_MAKETYPE(CV_8U, decoded.channels()));
  for (int y = 0; y < decoded.rows; ++y) {
    const auto* from = decoded.ptr<std::uint16_t>(y);
    auto* to = narrow.ptr<std::uint8_t>(y);
    for (int x = 0; x < decoded.cols * decoded.channels(); ++x)
      to[x] = static_cast<std::uint8_t>(from[x] >> 8);
  }
  return narrow;
}

cv::Mat to_rgb_order(const cv::Mat& decoded) {
  cv::Mat rgb;
  switch (decoded.channels()) {
    case 1:
      return decoded;
    case 3:
      cv::cvtColor(decoded, rgb, cv::COLOR_BGR2RGB);
      return rgb;
    case 4:
      cv::cvtColor(decoded, rgb, cv::COLOR_BGRA2RGBA);
      return rgb;
    default:
      throw InvalidInput("it has " + std::to_string(decoded.channels()) +
                         " channels: allowed are 1, 3 and 4");
  }
}

// EXIF 2.3, tag 274. 5 to 8 have rows and columns swapped.
cv::Mat turn_upright(cv::Mat stored, int orientation) {
  struct Turn {
    bool transpose;
    int flip;  // cv::flip's code
  };
  constexpr int none = 9;
  constexpr std::array<Turn, 9> turns = {{{false, none},
                                          {false, none},
                                          {false, 1},
                                          {false, -1},
                                          {false, 0},
                                          {true, none},
                                          {true, 1},
                                          {true, -1},
                                          {true, 0}}};
  const Turn turn = turns.at(static_cast<std::size_t>(orientation));
  if (turn.transpose) cv::transpose(stored.clone(), stored);
  if (turn.flip != none) cv::flip(stored.clone(), stored, turn.flip);
  return stored;
}

void divide_by_alpha(engine::Picture& picture) {
  for (std::size_t i = 0; i < picture.data.size(); i += 4) {
    const unsigned alpha = picture.data[i + 3];
    for (std::size_t c = i; alpha != 0 && c < i + 3; ++c)
      picture.data[c] =
          static_cast<std::uint8_t>(std::min((picture.data[c] * 255U + alpha / 2) / alpha, 255U));
  }
}

}  // namespace

engine::Picture decode(std::span<const std::uint8_t> file) {
  const PictureFile header = inspect(file);
  check_size(header);
  const cv::Mat decoded = run_codec(file, header.format);
  const cv::Mat rgb = to_rgb_order(to_8_bit(decoded));
  const cv::Mat upright = turn_upright(rgb, header.orientation);
  auto picture = engine::blank_picture(upright.cols, upright.rows, upright.channels());
  for (int y = 0; y < picture.height; ++y)
    std::memcpy(picture.row(y), upright.ptr(y), picture.row_bytes());
  // The TIFF codec multiplies 8-bit colours by their alpha, whatever the file says.
  if (header.format == FileFormat::tiff && picture.channels == 4 && decoded.depth() == CV_8U)
    divide_by_alpha(picture);
  return picture;
}

engine::Picture decode_file(const fs::path& path) {
  const auto refuse = [&](const std::string& why) {
    return InvalidInput("the picture " + path.native() + " cannot be read: " + why);
  };
  std::error_code error;
  if (!fs::is_regular_file(path, error)) throw refuse("there is no such file");
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) throw refuse(error.message());
  if (size > max_picture_file_bytes)
    throw refuse("it has " + std::to_string(size) + " bytes, at most 256000000 are allowed");
  std::vector<std::uint8_t> bytes(size);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    throw refuse("the file does not open or ends early");
  try {
    return decode(bytes);
  } catch (const InvalidInput& invalid) {
    throw refuse(invalid.what());
  }
}

}  // namespace dream::worker::imaging
