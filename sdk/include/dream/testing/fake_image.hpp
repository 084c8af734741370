// The fake dream.image/1: pictures in memory. Files are PNM, whatever their name says: encode()
// writes P5 (grey), P6 (RGB) or P7 (RGBA), decode() reads them. resize() always takes the nearest
// pixel.
#pragma once

#include <dream/abi/image.h>

#include <algorithm>
#include <atomic>
#include <dream/testing/state.hpp>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

struct dream_image {
  dream::testing::HostState* host;
  uint32_t width, height, channels;
  std::vector<uint8_t> data;
  std::atomic<int> references = 1;
};

namespace dream::testing {

struct ImageFunctions {
  // A black picture with one reference.
  static dream_image* make(HostState& host, uint32_t width, uint32_t height, uint32_t channels) {
    if (channels != 1 && channels != 3 && channels != 4) {
      throw InvalidInput("channels: " + std::to_string(channels) + "; allowed are 1, 3 and 4");
    }
    if (width == 0 || height == 0 || uint64_t{width} * height > 64'000'000) {
      throw InvalidInput("a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels; allowed are 1 to 64 million");
    }
    auto image = std::make_unique<dream_image>(&host, width, height, channels);
    image->data.resize(uint64_t{width} * height * channels);
    for (std::size_t i = 3; channels == 4 && i < image->data.size(); i += 4) image->data[i] = 255;
    ++host.live_images;
    return image.release();
  }

  static dream_status* create(const dream_host* host, uint32_t width, uint32_t height,
                              uint32_t channels, dream_image** image) {
    HostState& state = state_of(host);
    return guarded(state, [&] { *image = make(state, width, height, channels); });
  }

  static dream_status* decode(const dream_host* host, dream_str path, dream_image** image) {
    HostState& state = state_of(host);
    return guarded(state, [&] {
      const std::string name(dream::detail::view(path));
      std::ifstream in(name, std::ios::binary);
      if (!in) throw InvalidInput("cannot read " + name);
      *image = read_pnm(state, in, name);
    });
  }

  static dream_status* encode(const dream_image* image, dream_str path, dream_str format,
                              uint32_t quality) {
    return guarded(*image->host, [&] {
      const std::string_view kind = dream::detail::view(format);
      if (kind != "png" && kind != "jpg" && kind != "webp") {
        throw InvalidInput("format: " + std::string(kind) + "; allowed are png, jpg and webp");
      }
      if (quality < 1 || quality > 100) throw InvalidInput("quality: allowed are 1 to 100");
      std::ofstream out(std::string(dream::detail::view(path)), std::ios::binary);
      const std::string size = std::to_string(image->width) + " " + std::to_string(image->height);
      if (image->channels == 4) {
        out << "P7\n" << size << "\n255\n";
      } else {
        out << (image->channels == 1 ? "P5\n" : "P6\n") << size << "\n255\n";
      }
      out.write(reinterpret_cast<const char*>(image->data.data()),
                static_cast<std::streamsize>(image->data.size()));
      if (!out.flush()) throw Error("cannot write the picture");
    });
  }

  static dream_status* resize(const dream_image* image, uint32_t width, uint32_t height,
                              uint32_t filter, dream_image** resized) {
    return guarded(*image->host, [&] {
      if (filter > DREAM_FILTER_LANCZOS) throw InvalidInput("there is no such filter");
      dream_image* out = make(*image->host, width, height, image->channels);
      for (uint32_t y = 0; y < height; ++y) {
        for (uint32_t x = 0; x < width; ++x) {
          const uint64_t from_y = (2 * uint64_t{y} + 1) * image->height / (2 * uint64_t{height});
          const uint64_t from_x = (2 * uint64_t{x} + 1) * image->width / (2 * uint64_t{width});
          std::copy_n(&image->data[(from_y * image->width + from_x) * image->channels],
                      image->channels, &out->data[(uint64_t{y} * width + x) * image->channels]);
        }
      }
      *resized = out;
    });
  }

  static dream_status* convert(const dream_image* image, uint32_t channels,
                               dream_image** converted) {
    return guarded(*image->host, [&] {
      dream_image* out = make(*image->host, image->width, image->height, channels);
      for (uint64_t i = 0; i < uint64_t{image->width} * image->height; ++i) {
        convert_pixel(&image->data[i * image->channels], image->channels, &out->data[i * channels],
                      channels);
      }
      *converted = out;
    });
  }

  static dream_status* pixels(dream_image* image, dream_pixels* pixels) {
    pixels->channels = image->channels;
    pixels->width = image->width;
    pixels->height = image->height;
    pixels->stride = uint64_t{image->width} * image->channels;
    pixels->data = image->data.data();
    return nullptr;
  }

  static void retain(dream_image* image) { ++image->references; }
  static void release(dream_image* image) {
    if (image == nullptr || --image->references > 0) return;
    --image->host->live_images;
    delete image;
  }

  static constexpr dream_image_1 table() {
    return {
        sizeof(dream_image_1), 0, create, decode, encode, resize, convert, pixels, retain, release};
  }

 private:
  static dream_image* read_pnm(HostState& host, std::istream& in, const std::string& name) {
    std::string kind;
    uint32_t width = 0, height = 0, most = 0;
    in >> kind >> width >> height >> most;
    const uint32_t channels = kind == "P5" ? 1 : kind == "P6" ? 3 : kind == "P7" ? 4 : 0;
    if (!in || channels == 0 || most != 255) {
      throw InvalidInput(name + " is no picture: the fake host reads 8-bit PNM without comments");
    }
    in.get();
    std::unique_ptr<dream_image, void (*)(dream_image*)> image(make(host, width, height, channels),
                                                               release);
    in.read(reinterpret_cast<char*>(image->data.data()),
            static_cast<std::streamsize>(image->data.size()));
    if (!in) throw InvalidInput(name + " is cut short");
    return image.release();
  }

  static void convert_pixel(const uint8_t* from, uint32_t from_channels, uint8_t* to,
                            uint32_t to_channels) {
    uint32_t rgb[3];
    for (int c = 0; c < 3; ++c) rgb[c] = from[from_channels == 1 ? 0 : c];
    if (from_channels == 4 && to_channels != 4) {
      for (uint32_t& c : rgb) c = (c * from[3] + 255 * (255 - uint32_t{from[3]}) + 127) / 255;
    }
    if (to_channels == 1) {
      to[0] = static_cast<uint8_t>(
          from_channels == 1 ? rgb[0]
                             : (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 32768) >> 16);
      return;
    }
    for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(rgb[c]);
    if (to_channels == 4) to[3] = from_channels == 4 ? from[3] : 255;
  }
};

// The bytes of a small PPM file of one colour, for tests that need an input picture.
inline std::string ppm(uint32_t width, uint32_t height, uint8_t red, uint8_t green, uint8_t blue) {
  std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  for (uint64_t i = 0; i < uint64_t{width} * height; ++i) {
    for (const uint8_t c : {red, green, blue}) bytes += static_cast<char>(c);
  }
  return bytes;
}

}  // namespace dream::testing
