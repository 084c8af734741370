// Surface normals as the network NormalBae estimates them (arXiv 2109.09881): x, y and z of each as
// red, green and blue. What ControlNet 1.1 for normals was trained on.
#include <algorithm>
#include <array>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {detect_resolution};

// -1..1 to 0..255
std::uint8_t to_byte(float direction) {
  return static_cast<std::uint8_t>(std::clamp((direction + 1) * 0.5F, 0.0F, 1.0F) * 255);
}

class NormalBae final : public Annotator {
 public:
  explicit NormalBae(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(normalbae.name, options, json);
    const cv::Mat scaled = at_resolution(picture, settings.integer(detect_resolution.name));
    const auto normals = networks_.get("normalbae")->run(to_imagenet_range(scaled)).at(0);
    cv::Mat map(scaled.size(), CV_8UC3);
    const float* x = normals.data.data();
    const std::size_t pixels = map.total();
    for (auto pixel = map.begin<cv::Vec3b>(); pixel != map.end<cv::Vec3b>(); ++pixel, ++x)
      *pixel = {to_byte(x[0]), to_byte(x[pixels]), to_byte(x[2 * pixels])};
    return to_picture(map, picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind normalbae = {
    "normalbae", "Surface normals as NormalBae estimates them", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<NormalBae>(networks);
    }};

}  // namespace dream::worker::imaging
