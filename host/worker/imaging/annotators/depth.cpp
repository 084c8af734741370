// Depth as MiDaS sees it ("Towards Robust Monocular Depth Estimation", arXiv 1907.01341): the
// nearer, the brighter.
#include <array>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/midas_depth.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {depth_resolution};

class Depth final : public Annotator {
 public:
  explicit Depth(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(depth.name, options, json);
    const auto seen = midas_depth(picture, settings.integer(depth_resolution.name), networks_);
    return to_picture(to_bytes(seen.unit), picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind depth = {
    "depth", "Depth as MiDaS sees it, the nearer the brighter", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Depth>(networks);
    }};

}  // namespace dream::worker::imaging
