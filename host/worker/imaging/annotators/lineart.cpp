// Line drawings, white on black, as ControlNets for "lineart" were trained on. Pre- and
// post-processing as in controlnet-aux 0.0.10.
#include <array>
#include <opencv2/core.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {
    AnnotatorOption{"coarse", false, "Few broad lines instead of many fine ones."},
    detect_resolution,
};

class Lineart final : public Annotator {
 public:
  explicit Lineart(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(lineart.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    const auto network = networks_.get(settings.flag("coarse") ? "lineart-coarse" : "lineart");
    const cv::Mat paper = to_bytes(channel(network->run(to_network(rgb, 255, 0)).at(0), 0));
    auto lines = to_picture(paper, picture);
    for (auto& value : lines.data) value = static_cast<std::uint8_t>(255 - value);
    return lines;
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind lineart = {
    "lineart", "Line drawings, fine or coarse", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Lineart>(networks);
    }};

}  // namespace dream::worker::imaging
