// Soft edges by HED: what ControlNets for "hed" and "softedge" were trained on. Pre- and
// post-processing as in controlnet-aux: 0.0.1 for the network "hed", 0.0.10 for "controlnet-hed".
#include <array>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"
#include "host/worker/imaging/annotators/soft_edges.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array<std::string_view, 2> networks_of_hed = {"hed", "controlnet-hed"};

constexpr std::array options = {
    AnnotatorOption{"network", std::string_view("hed"),
                    "hed as trained on BSDS500, which the first ControlNets saw, or "
                    "controlnet-hed, which those of version 1.1 saw.",
                    0, 0, networks_of_hed},
    detect_resolution,
    AnnotatorOption{"safe", false, "Three shades only, which hide nothing of the picture."},
    AnnotatorOption{"scribble", false, "White strokes along the edges instead of soft ones."},
};

class Hed final : public Annotator {
 public:
  explicit Hed(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(hed.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    const auto edges = soft_edges(networks_, settings.choice("network"), rgb,
                                  {.safe = settings.flag("safe")});
    return to_picture(settings.flag("scribble") ? strokes(edges) : edges, picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind hed = {
    "hed", "Soft edges (HED)", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Hed>(networks);
    }};

}  // namespace dream::worker::imaging
