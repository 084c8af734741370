// Canny's edges ("A Computational Approach to Edge Detection", 1986), as cv2.Canny finds them in
// the RGB picture at its own size: what ControlNets for edges were trained on.
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr double highest_threshold = 1020;  // of a Sobel gradient of 8-bit values

class Canny final : public Annotator {
 public:
  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    Settings settings("canny", json);
    const double low = settings.number("low_threshold", 100, 0, highest_threshold);
    const double high = settings.number("high_threshold", 200, 0, highest_threshold);
    settings.finish();

    const cv::Mat rgb(picture.height, picture.width, CV_8UC3,
                      const_cast<std::uint8_t*>(picture.data.data()));  // read only
    engine::Picture edges = engine::blank_picture(picture.width, picture.height, 1);
    cv::Mat grey(picture.height, picture.width, CV_8UC1, edges.data.data());
    cv::Canny(rgb, grey, low, high);
    return engine::convert(edges, 3);
  }
};

}  // namespace

std::unique_ptr<Annotator> make_canny() {
  return std::make_unique<Canny>();
}

}  // namespace dream::worker::imaging
