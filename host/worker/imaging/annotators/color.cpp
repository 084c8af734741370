// The colours of a picture in squares of 64 pixels, as T2I-Adapters for colour were trained on:
// made small with a cubic filter and large again without one.
#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

class Color final : public Annotator {
 public:
  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(color.name, {}, json);
    constexpr int square = 64;
    const cv::Size squares(std::max(1, picture.width / square),
                           std::max(1, picture.height / square));
    cv::Mat small, large;
    cv::resize(view(picture), small, squares, 0, 0, cv::INTER_CUBIC);
    cv::resize(small, large, {picture.width, picture.height}, 0, 0, cv::INTER_NEAREST);
    return to_picture(large);
  }
};

}  // namespace

constinit const AnnotatorKind color = {
    "color", "Colours in squares", {},
    [](Networks&) -> std::unique_ptr<Annotator> { return std::make_unique<Color>(); }};

}  // namespace dream::worker::imaging
