// Canny's edges ("A Computational Approach to Edge Detection", 1986), as cv2.Canny finds them in
// the RGB picture at its own size: what ControlNets for edges were trained on.
#include <array>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr double highest_threshold = 1020;  // of a Sobel gradient of 8-bit values

constexpr std::array options = {
    AnnotatorOption{"low_threshold", std::int64_t{100},
                    "Gradient above which a pixel that touches an edge belongs to it.", 0,
                    highest_threshold},
    AnnotatorOption{"high_threshold", std::int64_t{200}, "Gradient above which an edge begins.", 0,
                    highest_threshold},
};

class Canny final : public Annotator {
 public:
  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(canny.name, options, json);
    const cv::Mat rgb(picture.height, picture.width, CV_8UC3,
                      const_cast<std::uint8_t*>(picture.data.data()));  // read only
    engine::Picture edges = engine::blank_picture(picture.width, picture.height, 1);
    cv::Mat grey(picture.height, picture.width, CV_8UC1, edges.data.data());
    cv::Canny(rgb, grey, settings.integer("low_threshold"), settings.integer("high_threshold"));
    return engine::convert(edges, 3);
  }
};

}  // namespace

constinit const AnnotatorKind canny = {
    "canny", "Edges, as Canny's detector finds them", options,
    [](Networks&) -> std::unique_ptr<Annotator> { return std::make_unique<Canny>(); }};

}  // namespace dream::worker::imaging
