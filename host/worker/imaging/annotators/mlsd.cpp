// Straight lines by M-LSD, white on black, one pixel wide: of rooms and buildings. Pre- and
// post-processing as in controlnet-aux.
#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/settings.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array options = {
    AnnotatorOption{"thr_v", 0.1, "Score from which a line counts.", 0, 1},
    AnnotatorOption{"thr_d", 0.1, "Length, in pixels of the map, from which a line counts.", 0,
                    100},
    detect_resolution,
};

struct Peak {
  float score;
  int x, y;
};

// The 200 highest local maxima of the centre map.
std::vector<Peak> find_peaks(const cv::Mat& logits) {
  constexpr std::size_t most = 200;
  cv::Mat heat = logits, highest;
  heat.forEach<float>([](float& value, const int*) { value = 1 / (1 + std::exp(-value)); });
  cv::dilate(heat, highest, cv::Mat::ones(3, 3, CV_8U));
  std::vector<Peak> peaks;
  for (int y = 0; y < heat.rows; ++y) {
    for (int x = 0; x < heat.cols; ++x) {
      const float score = heat.at<float>(y, x);
      if (score == highest.at<float>(y, x)) peaks.push_back({score, x, y});
    }
  }
  std::ranges::stable_sort(peaks, std::ranges::greater{}, &Peak::score);
  if (peaks.size() > most) peaks.resize(most);
  return peaks;
}

// The map has half the canvas's size.
void draw_lines(const engine::HostTensor& map, double score, double length, cv::Mat& canvas) {
  const auto peaks = find_peaks(channel(map, 0));
  const std::array ends = {channel(map, 1), channel(map, 2), channel(map, 3), channel(map, 4)};
  for (const Peak& peak : peaks) {
    std::array<float, 4> move{};  // to the start (x, y), to the end (x, y)
    for (int i = 0; i < 4; ++i) move[i] = ends[i].at<float>(peak.y, peak.x);
    const float distance = std::sqrt((move[0] - move[2]) * (move[0] - move[2]) +
                                     (move[1] - move[3]) * (move[1] - move[3]));
    const bool counts = peak.score > static_cast<float>(score) &&
                        distance > static_cast<float>(length);
    if (!counts) continue;
    const auto at = [&](int from, float by) { return static_cast<int>(2 * (from + double(by))); };
    // Nothing but a broken map leads this far out.
    if (!std::ranges::all_of(move, [](float by) { return std::abs(by) < 1e6F; })) continue;
    cv::line(canvas, {at(peak.x, move[0]), at(peak.y, move[1])},
             {at(peak.x, move[2]), at(peak.y, move[3])}, cv::Scalar(255), 1);
  }
}

class Mlsd final : public Annotator {
 public:
  explicit Mlsd(Networks& networks) : networks_(networks) {}

  engine::Picture annotate(const engine::Picture& picture,
                           const nlohmann::json& json) const override {
    const Settings settings(mlsd.name, options, json);
    const auto rgb = at_resolution(picture, settings.integer("detect_resolution"));
    std::array<cv::Mat, 4> planes;
    cv::split(rgb, planes.data());
    planes[3] = cv::Mat::ones(rgb.size(), CV_8U);
    cv::Mat four;
    cv::merge(planes, four);
    const auto maps = networks_.get("mlsd")->run(to_network(four, 127.5F, -1));
    cv::Mat canvas = cv::Mat::zeros(rgb.size(), CV_8U);
    draw_lines(maps.at(0), settings.number("thr_v"), settings.number("thr_d"), canvas);
    return to_picture(canvas, picture);
  }

 private:
  Networks& networks_;
};

}  // namespace

constinit const AnnotatorKind mlsd = {
    "mlsd", "Straight lines (M-LSD)", options,
    [](Networks& networks) -> std::unique_ptr<Annotator> {
      return std::make_unique<Mlsd>(networks);
    }};

}  // namespace dream::worker::imaging
