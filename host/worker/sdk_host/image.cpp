// dream.image/1 at the C line.
#include "host/worker/sdk_host/image.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/imaging/encode.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

void check_channels(std::uint32_t channels) {
  if (channels != 1 && channels != 3 && channels != 4)
    throw invalid("channels: " + std::to_string(channels) + "; allowed are 1, 3 and 4");
}

dream_status* create(const dream_host*, uint32_t width, uint32_t height, uint32_t channels,
                     dream_image** image) noexcept {
  return guarded([&] {
    checked(image, "image") = nullptr;
    check_channels(channels);
    check_image_size(width, height);
    auto picture = engine::blank_picture(static_cast<int>(width), static_cast<int>(height),
                                         static_cast<int>(channels));
    if (channels == 4)
      for (std::size_t i = 3; i < picture.data.size(); i += 4) picture.data[i] = 255;
    *image = make_image(std::move(picture));
  });
}

dream_status* decode(const dream_host*, dream_str path, dream_image** image) noexcept {
  return guarded([&] {
    checked(image, "image") = nullptr;
    *image = make_image(imaging::decode_file(view(path, "path of a picture")));
  });
}

dream_status* encode(const dream_image* image, dream_str path, dream_str format,
                     uint32_t quality) noexcept {
  return guarded([&] {
    const engine::Picture& picture = checked(image, "image").picture;
    const std::string_view kind = view(format, "format");
    if (kind != "png" && kind != "jpg" && kind != "webp")
      throw invalid("format: '" + std::string(kind) + "'; allowed are png, jpg and webp");
    if (kind != "png" && (quality < 1 || quality > 100))
      throw invalid("quality: " + std::to_string(quality) + "; allowed are 1 to 100");
    write_file(view(path, "path of a picture"),
               imaging::encode(picture, kind, static_cast<int>(quality)));
  });
}

dream_status* resize(const dream_image* image, uint32_t width, uint32_t height, uint32_t filter,
                     dream_image** resized) noexcept {
  return guarded([&] {
    checked(resized, "resized") = nullptr;
    const engine::Picture& picture = checked(image, "image").picture;
    check_image_size(width, height);
    if (filter > DREAM_FILTER_LANCZOS)
      throw invalid("filter: " + std::to_string(filter) + "; allowed are 0 to 3 (dream_filter)");
    // Between the passes the picture has the new width and the old height.
    check_image_size(width, static_cast<std::uint64_t>(picture.height));
    *resized =
        make_image(engine::resample(picture, static_cast<int>(width), static_cast<int>(height),
                                    static_cast<engine::Filter>(filter)));
  });
}

dream_status* convert(const dream_image* image, uint32_t channels,
                      dream_image** converted) noexcept {
  return guarded([&] {
    checked(converted, "converted") = nullptr;
    check_channels(channels);
    *converted =
        make_image(engine::convert(checked(image, "image").picture, static_cast<int>(channels)));
  });
}

dream_status* pixels(dream_image* image, dream_pixels* pixels) noexcept {
  return guarded([&] {
    engine::Picture& picture = checked(image, "image").picture;
    const std::uint32_t room = checked(pixels, "pixels").struct_size;
    dream_pixels known{};
    known.struct_size = room;
    known.channels = static_cast<std::uint32_t>(picture.channels);
    known.width = static_cast<std::uint32_t>(picture.width);
    known.height = static_cast<std::uint32_t>(picture.height);
    known.stride = picture.row_bytes();
    known.data = picture.data.data();
    std::memcpy(pixels, &known, std::min<std::size_t>(room, sizeof known));
  });
}

void retain(dream_image* image) noexcept {
  if (image != nullptr) image->references.fetch_add(1, std::memory_order_relaxed);
}

void release(dream_image* image) noexcept {
  if (image != nullptr && image->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete image;
}

}  // namespace

dream_image* make_image(engine::Picture picture) {
  auto* image = new dream_image;
  image->picture = std::move(picture);
  return image;
}

void check_image_size(std::uint64_t width, std::uint64_t height) {
  const bool fits = width > 0 && height > 0 && width <= imaging::max_picture_pixels &&
                    height <= imaging::max_picture_pixels &&
                    width * height <= imaging::max_picture_pixels;
  if (!fits)
    throw invalid("a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                  " pixels: allowed are 1 to 64 million");
}

const dream_image_1& image_interface() {
  static constexpr dream_image_1 table = {
      sizeof(dream_image_1), 0, create, decode, encode, resize, convert, pixels, retain, release};
  return table;
}

}  // namespace dream::worker
