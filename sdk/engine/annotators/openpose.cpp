// OpenPose's three networks: "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields"
// (arXiv 1611.08050) for bodies, and convolutional pose machines (arXiv 1602.00134) for the 21
// points of a hand and the 70 of a face. Weights: body_pose_model.pth, hand_pose_model.pth and
// facenet.pth, whose names are those of the layers (conv1_1.weight …).
//
// Input [1, 3, height, width], sides in multiples of 8: BGR, or what the host takes for it, in
// -0.5..0.5. Output at an eighth of the size: bodies, 38 part affinity fields and 19 heatmaps of
// parts, the last of them the background; hands, 22 heatmaps; faces, 71.
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "sdk/engine/annotators/chain.hpp"
#include "sdk/engine/annotators/network.hpp"
#include "sdk/engine/annotators/registry.hpp"

namespace dream::engine {
namespace {

// VGG-19 up to conv4_2.
std::vector<Link> vgg_layers() {
  return {{"conv1_1", 3, 64},    {"conv1_2", 64, 64},   {},
          {"conv2_1", 64, 128},  {"conv2_2", 128, 128}, {},
          {"conv3_1", 128, 256}, {"conv3_2", 256, 256}, {"conv3_3", 256, 256},
          {"conv3_4", 256, 256}, {},                    {"conv4_1", 256, 512},
          {"conv4_2", 512, 512}};
}

// The layers "Mconv1_stage2_L1" … "Mconv7_stage2_L1": `ending` is "_stage2_L1".
std::vector<Link> stage_layers(const std::string& ending, std::int64_t in, std::int64_t out,
                               bool last_relu) {
  std::vector<Link> links;
  for (int i = 1; i <= 5; ++i)
    links.push_back({fmt::format("Mconv{}{}", i, ending), i == 1 ? in : 128, 128, 7});
  links.push_back({"Mconv6" + ending, 128, 128, 1});
  links.push_back({"Mconv7" + ending, 128, out, 1, last_relu});
  return links;
}

// Two branches that refine each other: fields and heatmaps.
class Body {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit Body(const Weights& weights) : trunk_(weights, trunk_layers()) {
    stages_.push_back({Chain(weights, first_layers("L1", fields)),
                       Chain(weights, first_layers("L2", heatmaps))});
    for (int stage = 2; stage <= 6; ++stage) {
      const auto branch = [&](const char* name, std::int64_t out, bool last_relu) {
        return Chain(weights, stage_layers(fmt::format("_stage{}_{}", stage, name),
                                           fields + heatmaps + features, out, last_relu));
      };
      // The published weights were trained and are used with a ReLU behind the last heatmaps.
      stages_.push_back({branch("L1", fields, false), branch("L2", heatmaps, stage == 6)});
    }
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    const auto trunk = trunk_(picture);
    at::Tensor x = trunk, field_map, heatmap;
    for (const auto& [field_branch, heatmap_branch] : stages_) {
      field_map = field_branch(x);
      heatmap = heatmap_branch(x);
      x = at::cat({field_map, heatmap, trunk}, 1);
    }
    return {field_map, heatmap};
  }

 private:
  static constexpr std::int64_t fields = 38, heatmaps = 19, features = 128;

  static std::vector<Link> trunk_layers() {
    auto links = vgg_layers();
    links.push_back({"conv4_3_CPM", 512, 256});
    links.push_back({"conv4_4_CPM", 256, features});
    return links;
  }
  static std::vector<Link> first_layers(const std::string& branch, std::int64_t out) {
    return {{"conv5_1_CPM_" + branch, features, 128},
            {"conv5_2_CPM_" + branch, 128, 128},
            {"conv5_3_CPM_" + branch, 128, 128},
            {"conv5_4_CPM_" + branch, 128, 512, 1},
            {"conv5_5_CPM_" + branch, 512, out, 1, false}};
  }

  struct Stage {
    Chain fields, heatmaps;
  };
  Chain trunk_;
  std::vector<Stage> stages_;
};

// One branch, the same for hands and faces but for the number of maps.
template <std::int64_t maps>
class PoseMachine {
 public:
  static std::vector<std::int64_t> input_shape() { return {1, 3, -1, -1}; }

  explicit PoseMachine(const Weights& weights) : trunk_(weights, trunk_layers()) {
    stages_.emplace_back(weights, std::vector<Link>{{"conv6_1_CPM", features, 512, 1},
                                                    {"conv6_2_CPM", 512, maps, 1, false}});
    for (int stage = 2; stage <= 6; ++stage)
      stages_.emplace_back(weights, stage_layers(fmt::format("_stage{}", stage), maps + features,
                                                 maps, false));
  }

  std::vector<at::Tensor> operator()(const at::Tensor& picture) const {
    const auto trunk = trunk_(picture);
    at::Tensor heatmap = stages_.front()(trunk);
    for (std::size_t i = 1; i < stages_.size(); ++i)
      heatmap = stages_[i](at::cat({heatmap, trunk}, 1));
    return {heatmap};
  }

 private:
  static constexpr std::int64_t features = 128;

  static std::vector<Link> trunk_layers() {
    auto links = vgg_layers();
    for (const char* name : {"conv4_3", "conv4_4", "conv5_1", "conv5_2"})
      links.push_back({name, 512, 512});
    links.push_back({"conv5_3_CPM", 512, features});
    return links;
  }

  Chain trunk_;
  std::vector<Chain> stages_;
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> load_openpose_body(const std::filesystem::path& weights,
                                                           const Compute& compute,
                                                           const Warn& warn) {
  return load_network<Body>(weights, compute, warn);
}

std::shared_ptr<const AnnotatorNetwork> load_openpose_hand(const std::filesystem::path& weights,
                                                           const Compute& compute,
                                                           const Warn& warn) {
  return load_network<PoseMachine<22>>(weights, compute, warn);
}

std::shared_ptr<const AnnotatorNetwork> load_openpose_face(const std::filesystem::path& weights,
                                                           const Compute& compute,
                                                           const Warn& warn) {
  return load_network<PoseMachine<71>>(weights, compute, warn);
}

}  // namespace dream::engine
