// Poses by OpenPose: bodies as coloured limbs and, where asked for, hands and faces as points.
#include <array>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/pose.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {
    AnnotatorOption{"include_body", true, "Draw bodies."},
    AnnotatorOption{"include_hand", false, "Draw hands, which needs weights of their own."},
    AnnotatorOption{"include_face", false, "Draw faces, which needs weights of their own."},
    AnnotatorOption{"hand_and_face", false, "Draw hands and faces, whatever the two say."},
    detect_resolution,
};

class Openpose final : public Annotator {
 public:
  explicit Openpose(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(openpose.name, options, json);
    const bool both = settings.flag("hand_and_face");
    const auto wanted = [&](const char* option, const char* network) {
      return both || settings.flag(option) ? networks_.get(network) : nullptr;
    };
    const auto hand_network = wanted("include_hand", "openpose-hand");
    const auto face_network = wanted("include_face", "openpose-face");
    cv::Mat bgr;
    cv::cvtColor(at_resolution(picture, settings.integer("detect_resolution")), bgr,
                 cv::COLOR_RGB2BGR);
    const auto bodies = find_bodies(*networks_.get("openpose-body"), bgr);
    cv::Mat canvas = cv::Mat::zeros(bgr.size(), CV_8UC3);
    if (settings.flag("include_body")) draw_bodies(canvas, bodies);
    for (const Body& body : bodies) {
      if (hand_network)
        for (const Points& hand : find_hands(*hand_network, bgr, body)) draw_hand(canvas, hand);
      if (face_network) draw_face(canvas, find_face(*face_network, bgr, body));
    }
    return to_picture(canvas, picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind openpose = {
    "openpose", "Poses of people (OpenPose)", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Openpose>(networks);
    }};

}  // namespace dream::worker::imaging
