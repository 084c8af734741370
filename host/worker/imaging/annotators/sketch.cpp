// Outlines as T2I-Adapters for sketches were trained on: PiDiNet's edges, white where they are
// above half, black elsewhere, as TencentARC/T2I-Adapter's get_cond_sketch() has it.
#include <array>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"
#include "host/worker/imaging/annotators/soft_edges.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {detect_resolution};

class Sketch final : public Annotator {
 public:
  explicit Sketch(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(sketch.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    return to_picture(soft_edges(networks_, "pidinet", rgb, {.apply_filter = true}), picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind sketch = {
    "sketch", "Outlines, black and white", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Sketch>(networks);
    }};

}  // namespace dream::worker::imaging
