// People in a picture: OpenPose's points of bodies, hands and faces, from finding to drawing. The
// steps are those of "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields" (arXiv
// 1611.08050) in the form that controlnet-aux gives them: bodies as 0.0.1, which the ControlNets
// saw, hands and faces as 0.0.10.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <optional>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {

// Points in pixels of the picture. In the order of COCO with a neck: nose, neck, right shoulder,
// elbow, wrist, left shoulder, elbow, wrist, right hip, knee, ankle, left hip, knee, ankle, right
// eye, left eye, right ear, left ear.
using Body = std::array<std::optional<cv::Point>, 18>;

// Points of a hand (21) or a face (up to 70); -1 where there is none.
using Points = std::vector<cv::Point2f>;

// `bgr` is CV_8UC3, as everywhere here. Runs "openpose-body".
std::vector<Body> find_bodies(const engine::AnnotatorNetwork& network, const cv::Mat& bgr);

// Those of a body whose shoulder, elbow and wrist are known, left before right. Runs
// "openpose-hand".
std::vector<Points> find_hands(const engine::AnnotatorNetwork& network, const cv::Mat& bgr,
                               const Body& body);
// Empty when the head is not seen well enough. Runs "openpose-face".
Points find_face(const engine::AnnotatorNetwork& network, const cv::Mat& bgr, const Body& body);

// On a black RGB canvas.
void draw_bodies(cv::Mat& canvas, const std::vector<Body>& bodies);
void draw_hand(cv::Mat& canvas, const Points& hand);
void draw_face(cv::Mat& canvas, const Points& face);

// Pairs of parts that a limb joins, with the two fields that point along it. The first 17 are
// drawn.
struct Limb {
  int from, to;
  int field_x, field_y;
};
inline constexpr std::array<Limb, 19> limbs = {{{1, 2, 12, 13},
                                                {1, 5, 20, 21},
                                                {2, 3, 14, 15},
                                                {3, 4, 16, 17},
                                                {5, 6, 22, 23},
                                                {6, 7, 24, 25},
                                                {1, 8, 0, 1},
                                                {8, 9, 2, 3},
                                                {9, 10, 4, 5},
                                                {1, 11, 6, 7},
                                                {11, 12, 8, 9},
                                                {12, 13, 10, 11},
                                                {1, 0, 28, 29},
                                                {0, 14, 30, 31},
                                                {14, 16, 34, 35},
                                                {0, 15, 32, 33},
                                                {15, 17, 36, 37},
                                                {2, 16, 18, 19},
                                                {5, 17, 26, 27}}};

// A gaussian with scipy's borders and reach (4 sigma); CV_64F.
cv::Mat gaussian_filter(const cv::Mat& map, double sigma);

}  // namespace dream::worker::imaging
