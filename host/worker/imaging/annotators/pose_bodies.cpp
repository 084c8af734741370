#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "host/worker/imaging/annotators/maps.hpp"
#include "host/worker/imaging/annotators/pose.hpp"

namespace dream::worker::imaging {
namespace {

constexpr int parts = 18, stride = 8;
constexpr double fed_height = 0.5 * 368;  // of the picture that the network sees

// A place where a part may be.
struct Peak {
  cv::Point at;
  double score;
  int id;  // among the peaks of all parts
};
using Peaks = std::array<std::vector<Peak>, parts>;

// Two peaks, by id, that a limb joins.
struct Connection {
  int from, to;
  double score;
};

// One person being put together: ids of peaks, -1 where there is none.
struct Person {
  std::array<double, parts> ids;
  double score = 0;
  double count = 0;  // of parts
};

struct Maps {
  cv::Mat fields, heatmaps;  // at the picture's size
};

cv::Mat enlarged(const engine::HostTensor& map, const cv::Size& fed, const cv::Size& size) {
  cv::Mat large, result;
  cv::resize(channels(map), large, {}, stride, stride, cv::INTER_CUBIC);
  cv::resize(large(cv::Rect({}, fed)), result, size, 0, 0, cv::INTER_CUBIC);
  return result;
}

Maps compute(const engine::AnnotatorNetwork& network, const cv::Mat& bgr) {
  const double scale = fed_height / bgr.rows;
  cv::Mat small, padded;
  cv::resize(bgr, small, {}, scale, scale, cv::INTER_CUBIC);
  const auto missing = [](int side) { return (stride - side % stride) % stride; };
  cv::copyMakeBorder(small, padded, 0, missing(small.rows), 0, missing(small.cols),
                     cv::BORDER_CONSTANT, cv::Scalar::all(128));
  const auto maps = network.run(to_network(padded, 256, -0.5F));
  return {enlarged(maps.at(0), small.size(), bgr.size()),
          enlarged(maps.at(1), small.size(), bgr.size())};
}

Peaks find_peaks(const cv::Mat& heatmaps) {
  constexpr double threshold = 0.1, sigma = 3;
  Peaks peaks;
  int id = 0;
  for (int part = 0; part < parts; ++part) {
    cv::Mat map, smooth, bordered;
    cv::extractChannel(heatmaps, map, part);
    smooth = gaussian_filter(map, sigma);
    cv::copyMakeBorder(smooth, bordered, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
    for (int y = 0; y < map.rows; ++y) {
      for (int x = 0; x < map.cols; ++x) {
        const auto near = [&](int dx, int dy) {
          return bordered.at<double>(y + 1 + dy, x + 1 + dx);
        };
        const double value = near(0, 0);
        if (value > threshold && value >= near(0, -1) && value >= near(0, 1) &&
            value >= near(-1, 0) && value >= near(1, 0))
          peaks[part].push_back({{x, y}, map.at<float>(y, x), id++});
      }
    }
  }
  return peaks;
}

// How well the fields along a straight line agree with it; nothing where they do not.
std::optional<double> agreement(const cv::Mat& fields, const Limb& limb, const Peak& from,
                                const Peak& to) {
  constexpr int samples = 10;
  constexpr double threshold = 0.05;
  const cv::Point2d way = to.at - from.at;
  const double length = std::max(0.001, std::sqrt(way.x * way.x + way.y * way.y));
  const cv::Point2d step = way / (samples - 1);
  double sum = 0;
  int agreeing = 0;
  for (int i = 0; i < samples; ++i) {
    const bool last = i == samples - 1;
    const double x = last ? to.at.x : i * step.x + from.at.x;
    const double y = last ? to.at.y : i * step.y + from.at.y;
    const auto* field = fields.ptr<float>(static_cast<int>(std::nearbyint(y)),
                                          static_cast<int>(std::nearbyint(x)));
    const double along =
        field[limb.field_x] * (way.x / length) + field[limb.field_y] * (way.y / length);
    sum += along;
    agreeing += along > threshold;
  }
  const double score = sum / samples + std::min(0.5 * fields.rows / length - 1, 0.0);
  if (agreeing > 0.8 * samples && score > 0) return score;
  return {};
}

// The best pairs first, each peak in one of them.
std::vector<Connection> connect(const cv::Mat& fields, const Limb& limb,
                                const std::vector<Peak>& from, const std::vector<Peak>& to) {
  struct Candidate {
    std::size_t from, to;
    double score;
  };
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < from.size(); ++i)
    for (std::size_t j = 0; j < to.size(); ++j)
      if (const auto score = agreement(fields, limb, from[i], to[j]))
        candidates.push_back({i, j, *score});
  std::ranges::stable_sort(candidates, std::ranges::greater{}, &Candidate::score);
  std::vector<bool> from_taken(from.size()), to_taken(to.size());
  std::vector<Connection> connections;
  for (const auto& [i, j, score] : candidates) {
    if (from_taken[i] || to_taken[j]) continue;
    from_taken[i] = to_taken[j] = true;
    connections.push_back({from[i].id, to[j].id, score});
  }
  return connections;
}

bool disjoint(const Person& a, const Person& b) {
  for (int part = 0; part < parts; ++part)
    if (a.ids[part] >= 0 && b.ids[part] >= 0) return false;
  return true;
}

// One connection more: it makes a person larger, joins two, or begins one.
void add_connection(std::vector<Person>& people, const Limb& limb, const Connection& connection,
                    const std::vector<double>& scores, bool may_begin) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < people.size() && found.size() < 2; ++i)
    if (people[i].ids[limb.from] == connection.from || people[i].ids[limb.to] == connection.to)
      found.push_back(i);
  const auto extend = [&](Person& person) {
    person.ids[limb.to] = connection.to;
    person.count += 1;
    person.score += scores[connection.to] + connection.score;
  };
  if (found.size() == 1) {
    Person& person = people[found[0]];
    if (person.ids[limb.to] != connection.to) extend(person);
  } else if (found.size() == 2) {
    Person& first = people[found[0]];
    const Person& second = people[found[1]];
    if (!disjoint(first, second)) return extend(first);
    for (int part = 0; part < parts; ++part) first.ids[part] += second.ids[part] + 1;
    first.score += second.score + connection.score;
    first.count += second.count;
    people.erase(people.begin() + static_cast<std::ptrdiff_t>(found[1]));
  } else if (may_begin) {
    Person& person = people.emplace_back();
    person.ids.fill(-1);
    person.ids[limb.from] = connection.from;
    person.ids[limb.to] = connection.to;
    person.count = 2;
    person.score = scores[connection.from] + scores[connection.to] + connection.score;
  }
}

}  // namespace

cv::Mat gaussian_filter(const cv::Mat& map, double sigma) {
  const int radius = static_cast<int>(4 * sigma + 0.5);
  cv::Mat kernel(1, 2 * radius + 1, CV_64F), precise, smooth;
  for (int i = -radius; i <= radius; ++i)
    kernel.at<double>(i + radius) = std::exp(-0.5 / (sigma * sigma) * i * i);
  kernel /= cv::sum(kernel)[0];
  map.convertTo(precise, CV_64F);
  cv::sepFilter2D(precise, smooth, CV_64F, kernel, kernel, {-1, -1}, 0, cv::BORDER_REFLECT);
  return smooth;
}

std::vector<Body> find_bodies(const engine::AnnotatorNetwork& network, const cv::Mat& bgr) {
  const Maps maps = compute(network, bgr);
  const Peaks peaks = find_peaks(maps.heatmaps);
  std::vector<cv::Point> places;
  std::vector<double> scores;
  for (const auto& of_part : peaks) {
    for (const Peak& peak : of_part) {
      places.push_back(peak.at);
      scores.push_back(peak.score);
    }
  }
  std::vector<Person> people;
  for (std::size_t i = 0; i < limbs.size(); ++i) {
    const Limb& limb = limbs[i];
    for (const auto& connection : connect(maps.fields, limb, peaks[limb.from], peaks[limb.to]))
      add_connection(people, limb, connection, scores, /*may_begin=*/i < 17);
  }
  std::vector<Body> bodies;
  for (const Person& person : people) {
    if (person.count < 4 || person.score / person.count < 0.4) continue;
    Body& body = bodies.emplace_back();
    for (int part = 0; part < parts; ++part) {
      const auto id = static_cast<int>(person.ids[part]);
      if (id >= 0) body[part] = places.at(id);
    }
  }
  return bodies;
}

}  // namespace dream::worker::imaging
