// Line drawings of anime pictures, white on black, as ControlNets for "lineart anime" were trained
// on. Pre- and post-processing as in controlnet-aux 0.0.10.
#include <array>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {detect_resolution};

class LineartAnime final : public Annotator {
 public:
  explicit LineartAnime(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(lineart_anime.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    const auto up_to_multiple = [](int side) { return (side + 255) / 256 * 256; };
    cv::Mat fitted, paper;
    cv::resize(rgb, fitted, {up_to_multiple(rgb.cols), up_to_multiple(rgb.rows)}, 0, 0,
               cv::INTER_CUBIC);
    const auto maps = networks_.get("lineart-anime")->run(to_network(fitted, 127.5F, -1));
    cv::resize(channel(maps.at(0), 0) * 0.5 + 0.5, paper, rgb.size(), 0, 0, cv::INTER_CUBIC);
    auto lines = to_picture(to_bytes(paper), picture);
    for (auto& value : lines.data) value = static_cast<std::uint8_t>(255 - value);
    return lines;
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind lineart_anime = {
    "lineart-anime", "Line drawings of anime pictures", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<LineartAnime>(networks);
    }};

}  // namespace dream::worker::imaging
