// What is where in the picture: UperNet's 150 classes of ADE20K, each in its colour.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/worker/imaging/annotators/ade_palette.hpp"
#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr int network_side = 512;  // pixels; the picture is stretched to a square

// One map of floats, row by row.
struct Plane {
  int width = 0, height = 0;
  std::vector<float> values;
};

// Where a pixel of the larger map lies between two of the smaller one.
struct Between {
  int first, second;
  float share;  // of the second
};

std::vector<Between> positions(int from, int to) {
  std::vector<Between> positions;
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int i = 0; i < to; ++i) {
    const float at = std::max((static_cast<float>(i) + 0.5F) * scale - 0.5F, 0.0F);
    const int first = std::min(static_cast<int>(at), from - 1);
    positions.push_back({first, std::min(first + 1, from - 1), at - static_cast<float>(first)});
  }
  return positions;
}

// Bilinear, as torch.nn.functional.interpolate without align_corners.
void resize(const Plane& from, Plane& to) {
  const auto columns = positions(from.width, to.width), rows = positions(from.height, to.height);
  to.values.resize(static_cast<std::size_t>(to.width) * static_cast<std::size_t>(to.height));
  float* value = to.values.data();
  for (const Between& y : rows) {
    const float* above = from.values.data() + static_cast<std::ptrdiff_t>(y.first) * from.width;
    const float* below = from.values.data() + static_cast<std::ptrdiff_t>(y.second) * from.width;
    for (const Between& x : columns) {
      const float upper = (1 - x.share) * above[x.first] + x.share * above[x.second];
      const float lower = (1 - x.share) * below[x.first] + x.share * below[x.second];
      *value++ = (1 - y.share) * upper + y.share * lower;
    }
  }
}

// The number of the likeliest class at each pixel of width x height. In two steps, as transformers
// does it: the network's logits to the size of its input, and those to the picture's.
std::vector<std::uint8_t> classify(const engine::HostTensor& logits, int width, int height) {
  const auto classes = static_cast<std::size_t>(logits.shape.at(1));
  if (classes > ade_palette.size())
    throw std::runtime_error("the network of seg knows " + std::to_string(classes) +
                             " classes: there are colours for " +
                             std::to_string(ade_palette.size()));
  Plane raw{static_cast<int>(logits.shape.at(3)), static_cast<int>(logits.shape.at(2)), {}};
  Plane middle{network_side, network_side, {}}, last{width, height, {}};
  const auto size = static_cast<std::ptrdiff_t>(raw.width) * raw.height;
  std::vector<float> highest;
  std::vector<std::uint8_t> likeliest(static_cast<std::size_t>(width) * height, 0);
  for (std::size_t i = 0; i < classes; ++i) {
    const auto first = logits.data.begin() + static_cast<std::ptrdiff_t>(i) * size;
    raw.values.assign(first, first + size);
    resize(raw, middle);
    resize(middle, last);
    if (i == 0) highest = last.values;
    for (std::size_t pixel = 0; pixel < highest.size(); ++pixel) {
      if (last.values[pixel] <= highest[pixel]) continue;
      highest[pixel] = last.values[pixel];
      likeliest[pixel] = static_cast<std::uint8_t>(i);
    }
  }
  return likeliest;
}

class Seg final : public Annotator {
 public:
  explicit Seg(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(seg.name, {}, json);
    const auto square =
        engine::resample(picture, network_side, network_side, engine::Filter::bilinear);
    const auto logits = networks_.get("upernet")->run(to_imagenet_range(view(square))).at(0);
    auto map = engine::blank_picture(picture.width, picture.height, 3);
    auto* pixel = map.data.data();
    for (const std::uint8_t number : classify(logits, picture.width, picture.height)) {
      const std::uint32_t colour = ade_palette[number];
      *pixel++ = static_cast<std::uint8_t>(colour >> 16);
      *pixel++ = static_cast<std::uint8_t>(colour >> 8);
      *pixel++ = static_cast<std::uint8_t>(colour);
    }
    return map;
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind seg = {
    "seg", "What is where: the 150 classes of ADE20K, each in its colour", {},
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Seg>(networks);
    }};

}  // namespace dream::worker::imaging
