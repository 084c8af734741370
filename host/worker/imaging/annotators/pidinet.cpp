// Soft edges by PiDiNet. Pre- and post-processing as in controlnet-aux 0.0.10.
#include <array>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"
#include "host/worker/imaging/annotators/soft_edges.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {
    detect_resolution,
    AnnotatorOption{"safe", false, "Three shades only, which hide nothing of the picture."},
    AnnotatorOption{"scribble", false, "White strokes along the edges instead of soft ones."},
    AnnotatorOption{"apply_filter", false, "Black and white: white where the edge is above half."},
};

class PidiNet final : public Annotator {
 public:
  explicit PidiNet(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(pidinet.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    const auto edges = soft_edges(
        networks_, "pidinet", rgb,
        {.safe = settings.flag("safe"), .apply_filter = settings.flag("apply_filter")});
    return to_picture(settings.flag("scribble") ? strokes(edges) : edges, picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind pidinet = {
    "pidinet", "Soft edges (PiDiNet)", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<PidiNet>(networks);
    }};

}  // namespace dream::worker::imaging
