// The picture itself, or a blurred one: ControlNets for tiles draw new detail over it. The rate is
// that of "tile resample" in common front ends.
#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {
    AnnotatorOption{"down_sampling_rate", 1.0,
                    "How often the picture is made smaller, so that more of its detail is drawn "
                    "anew; 1 leaves it as it is.",
                    1, 8},
};

class Tile final : public Annotator {
 public:
  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(tile.name, options, json);
    const double rate = settings.number("down_sampling_rate");
    const auto side = [rate](int pixels) { return std::max(1, static_cast<int>(pixels / rate)); };
    const int width = side(picture.width), height = side(picture.height);
    if (width == picture.width && height == picture.height) return picture;
    cv::Mat small;
    cv::resize(view(picture), small, {width, height}, 0, 0, cv::INTER_AREA);
    return engine::resample(to_picture(small), picture.width, picture.height,
                            engine::Filter::lanczos);
  }
};

}  // namespace

constinit const AnnotatorKind tile = {
    "tile", "The picture itself, its detail taken away", options,
    [](Networks&) -> std::unique_ptr<Annotator> { return std::make_unique<Tile>(); }};

}  // namespace dream::worker::imaging
