// Image: a picture of 8-bit pixels that the host holds: read from a file, resized, converted,
// written. Copies are cheap and share the pixels.
#pragma once

#include <dream/abi/image.h>

#include <cstdint>
#include <dream/host.hpp>
#include <dream/value.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace dream {

// How resize() computes new pixels; names and results are Pillow's.
enum class Filter : uint32_t {
  nearest = DREAM_FILTER_NEAREST,
  bilinear = DREAM_FILTER_BILINEAR,
  bicubic = DREAM_FILTER_BICUBIC,
  lanczos = DREAM_FILTER_LANCZOS
};

// Pixels of a picture: `height` rows of `width` pixels of `channels` bytes (1 grey, 3 RGB, 4 RGBA).
// Byte is uint8_t, or const uint8_t where they may only be read.
template <class Byte>
struct BasicPixels {
  uint32_t width, height, channels;
  uint64_t stride;  // bytes from row to row
  Byte* data;

  Byte* row(uint32_t y) const noexcept { return data + y * stride; }
  Byte* at(uint32_t x, uint32_t y) const noexcept { return row(y) + uint64_t{x} * channels; }
};
using Pixels = BasicPixels<const uint8_t>;
using WritablePixels = BasicPixels<uint8_t>;

// All functions may be called from any thread.
class Image {
 public:
  // A black picture, at most 64 Mpx, of 1, 3 or 4 channels (alpha 255); else InvalidInput.
  static Image create(Host host, uint32_t width, uint32_t height, uint32_t channels = 3) {
    Image image(host);
    image.fill(&dream_image_1::create, "create", host.handle(), width, height, channels);
    return image;
  }

  // Reads a PNG, JPEG, WebP, BMP or TIFF file: upright, 8-bit, grey kept as 1 channel and
  // alpha as 4. Throws InvalidInput if it is no picture or too large.
  static Image decode(Host host, const File& file) {
    Image image(host);
    image.fill(&dream_image_1::decode, "decode", host.handle(),
               detail::view(std::string_view(file.path)));
    return image;
  }

  // Takes over the caller's reference, for the C ABI. Throws Error on null.
  Image(Host host, dream_image* handle) : api_(host.handle(), DREAM_IMAGE_1), handle_(handle) {
    if (handle == nullptr) throw Error("a function that makes a picture gave none");
  }

  Image(const Image& other) : api_(other.api_) {
    if (other.handle_ != nullptr) api_.get(&dream_image_1::retain, "retain")(other.handle_);
    handle_ = other.handle_;
  }
  Image(Image&& other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)) {}
  Image& operator=(Image other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Image() {
    const auto release = api_.find(&dream_image_1::release);
    if (release != nullptr && handle_ != nullptr) release(handle_);
  }

  uint32_t width() const { return pixels().width; }
  uint32_t height() const { return pixels().height; }
  uint32_t channels() const { return pixels().channels; }

  // Writes a file. The format follows from the name's end: .png, .jpg, .jpeg or .webp, else
  // InvalidInput. quality: 1 to 100, not for png. Throws Error if it cannot be written.
  void encode(const std::string& path, uint32_t quality = 95) const {
    check(api_.get(&dream_image_1::encode, "encode")(handle_, detail::view(std::string_view(path)),
                                                     detail::view(format(path)), quality));
  }

  // A new picture of this size.
  Image resize(uint32_t width, uint32_t height, Filter filter = Filter::lanczos) const {
    Image resized{Host(api_.host())};
    resized.fill(&dream_image_1::resize, "resize", handle_, width, height,
                 static_cast<uint32_t>(filter));
    return resized;
  }

  // A new picture with 1, 3 or 4 channels: dropped alpha is composited on white, grey is ITU-R 601
  // luma.
  Image convert(uint32_t channels) const {
    Image converted{Host(api_.host())};
    converted.fill(&dream_image_1::convert, "convert", handle_, channels);
    return converted;
  }

  // The pixels, valid as long as this Image.
  Pixels pixels() const {
    const WritablePixels all = all_pixels();
    return {all.width, all.height, all.channels, all.stride, all.data};
  }

  // The pixels, to be drawn on: only of a picture that has not been copied or handed on yet, for
  // copies share them.
  WritablePixels edit() { return all_pixels(); }

  dream_image* handle() const noexcept { return handle_; }  // for the C ABI

 private:
  explicit Image(Host host) : api_(host.handle(), DREAM_IMAGE_1) {}

  template <class... Parameters, class... Arguments>
  void fill(dream_status* (*dream_image_1::*slot)(Parameters...), const char* name,
            Arguments... arguments) {
    check(api_.get(slot, name)(arguments..., &handle_));
    if (handle_ == nullptr) throw Error(std::string(name) + "() gave no picture");
  }

  WritablePixels all_pixels() const {
    dream_pixels pixels{};
    pixels.struct_size = sizeof pixels;
    check(api_.get(&dream_image_1::pixels, "pixels")(handle_, &pixels));
    return {pixels.width, pixels.height, pixels.channels, pixels.stride, pixels.data};
  }

  // The encode() format that a path asks for.
  static std::string_view format(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    const std::size_t dot = name.rfind('.');
    const std::string_view end =
        dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot + 1);
    if (end == "png" || end == "jpg" || end == "webp") return end;
    if (end == "jpeg") return "jpg";
    throw InvalidInput("cannot write a picture as \"" + std::string(path) +
                       "\": the name must end in .png, .jpg, .jpeg or .webp");
  }

  void check(dream_status* status) const { detail::check(api_.host(), status); }

  detail::Interface<dream_image_1> api_;
  dream_image* handle_ = nullptr;
};

}  // namespace dream
