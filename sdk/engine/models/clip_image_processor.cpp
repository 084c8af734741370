#include "sdk/engine/models/clip_image_processor.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace dream::engine {
namespace {

constexpr std::int64_t largest_side = 4096;  // pixels; CLIP's own pictures have 224 or 336

int checked_side(const Config& config, const std::string& key, std::int64_t pixels) {
  if (pixels >= 1 && pixels <= largest_side) return static_cast<int>(pixels);
  config.fail(key, fmt::format("is {} pixels: allowed are 1 to {}", pixels, largest_side));
}

// {"shortest_edge": 224}, {"height": 224, "width": 224}, or 224 as early transformers 4 wrote it.
int read_side(Config& config, const std::string& key, const char* inner, int fallback) {
  if (!config.has(key)) return fallback;
  if (!config.is_object(key)) return checked_side(config, key, config.integer(key));
  auto sides = config.object(key);
  const auto side = sides.integer(inner);
  if (std::string(inner) == "height") sides.only("width", side);
  sides.finish({});
  return checked_side(config, key, side);
}

Filter read_filter(Config& config) {
  constexpr std::array filters = {Filter::nearest, Filter::lanczos, Filter::bilinear,
                                  Filter::bicubic};  // Pillow's numbers
  const auto number = config.integer("resample", 3);
  if (number < 0 || number >= std::ssize(filters)) {
    config.fail("resample", fmt::format("is {}: supported are 0 to 3", number));
  }
  return filters[static_cast<std::size_t>(number)];
}

void read_colours(Config& config, const std::string& key, std::array<double, 3>& colours) {
  if (!config.has(key)) return;
  const auto numbers = config.numbers(key);
  if (numbers.size() != 3) config.fail(key, fmt::format("has {} numbers, not 3", numbers.size()));
  std::ranges::copy(numbers, colours.begin());
}

}  // namespace

CLIPImageProcessor read_clip_image_processor(Config config, const Warn& warn) {
  CLIPImageProcessor processor;
  processor.shortest_edge = read_side(config, "size", "shortest_edge", 224);
  processor.crop = read_side(config, "crop_size", "height", 224);
  if (processor.crop > processor.shortest_edge) {
    config.fail("crop_size", fmt::format("is {}, more than the size {}", processor.crop,
                                         processor.shortest_edge));
  }
  processor.resample = read_filter(config);
  read_colours(config, "image_mean", processor.mean);
  read_colours(config, "image_std", processor.std);
  for (const char* step : {"do_resize", "do_center_crop", "do_rescale", "do_normalize"})
    config.only(step, true);
  if (std::abs(config.number("rescale_factor", 1.0 / 255) - 1.0 / 255) > 1e-9) {
    config.fail("rescale_factor", "is not 1/255: only that is supported");
  }
  config.ignore({"data_format", "default_to_square", "do_convert_rgb", "feature_extractor_type",
                 "image_processor_type", "input_data_format", "processor_class", "return_tensors",
                 "use_square_size"});
  config.finish(warn);
  return processor;
}

at::Tensor CLIPImageProcessor::operator()(const Picture& picture) const {
  const auto scaled_side = [&](int side, int shortest) {
    return static_cast<int>(static_cast<std::int64_t>(shortest_edge) * side / shortest);
  };
  const int shortest = std::min(picture.width, picture.height);
  const Picture scaled = engine::resample(picture, scaled_side(picture.width, shortest),
                                          scaled_side(picture.height, shortest), resample);
  const int left = (scaled.width - crop) / 2, top = (scaled.height - crop) / 2;
  auto values = at::empty({1, 3, crop, crop}, at::kFloat);
  auto* value = values.mutable_data_ptr<float>();
  for (std::size_t c = 0; c < 3; ++c) {
    const auto offset = static_cast<float>(mean[c]), scale = static_cast<float>(std[c]);
    for (int y = 0; y < crop; ++y) {
      const std::uint8_t* pixel = scaled.row(top + y) + 3 * static_cast<std::ptrdiff_t>(left) + c;
      for (int x = 0; x < crop; ++x, pixel += 3)
        *value++ = (static_cast<float>(*pixel * (1.0 / 255)) - offset) / scale;
    }
  }
  return values;
}

}  // namespace dream::engine
