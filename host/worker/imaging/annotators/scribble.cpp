// Strokes, white on black, as ControlNets for scribbles want them: from a drawing that the user
// made, or from the edges of a picture.
#include <array>
#include <opencv2/core.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"
#include "host/worker/imaging/annotators/soft_edges.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array<std::string_view, 4> methods = {"drawing", "hed", "controlnet-hed", "pidinet"};

constexpr std::array options = {
    AnnotatorOption{"method", std::string_view("drawing"),
                    "drawing: the picture is a drawing; one on black is taken as it is, one on "
                    "white is turned round. The others find the edges of a picture.",
                    0, 0, methods},
    AnnotatorOption{"threshold", std::int64_t{127},
                    "Of a drawing on white: what is darker than this becomes a stroke.", 0, 255},
    detect_resolution,
};

// The darkest of a pixel's channels.
cv::Mat darkest(const cv::Mat& rgb) {
  std::array<cv::Mat, 3> planes;
  cv::split(rgb, planes.data());
  return cv::min(cv::min(planes[0], planes[1]), planes[2]);
}

class Scribble final : public Annotator {
 public:
  explicit Scribble(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(scribble.name, options, json);
    const auto method = settings.choice("method");
    if (method != "drawing") {
      const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
      return to_picture(strokes(soft_edges(networks_, method, rgb, {})), picture);
    }
    const cv::Mat drawing = darkest(view(picture));
    const bool on_black = cv::mean(drawing)[0] < 127.5;
    return on_black ? picture : to_picture(drawing < settings.integer("threshold"));
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind scribble = {
    "scribble", "Strokes of a drawing, or along the edges of a picture", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Scribble>(networks);
    }};

}  // namespace dream::worker::imaging
