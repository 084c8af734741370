#include "host/worker/sdk_host/annotator_networks.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {
namespace {

namespace fs = std::filesystem;

// Files as published, in the folders that `dream weights pull` makes of their manifests.
struct Published {
  std::string_view network;
  std::string_view manifest;
  std::string_view file;
  bool by_folder = false;  // the engine reads its config too
};

constexpr std::array published = {
    Published{"hed", "annotator-hed", "network-bsds500.pth"},
    Published{"controlnet-hed", "annotator-controlnet-hed", "ControlNetHED.pth"},
    Published{"pidinet", "annotator-pidinet", "table5_pidinet.pth"},
    Published{"lineart", "annotator-lineart", "sk_model.pth"},
    Published{"lineart-coarse", "annotator-lineart", "sk_model2.pth"},
    Published{"lineart-anime", "annotator-lineart-anime", "netG.pth"},
    Published{"mlsd", "annotator-mlsd", "mlsd_large_512_fp32.pth"},
    Published{"openpose-body", "annotator-openpose", "body_pose_model.pth"},
    Published{"openpose-hand", "annotator-openpose", "hand_pose_model.pth"},
    Published{"openpose-face", "annotator-openpose", "facenet.pth"},
    Published{"midas", "annotator-midas", "dpt_hybrid-midas-501f0c75.pt"},
    Published{"normalbae", "annotator-normalbae", "scannet.pt"},
    Published{"upernet", "annotator-seg", "pytorch_model.bin", true},
};

const Published& find_published(std::string_view network) {
  for (const Published& weights : published) {
    if (weights.network == network) return weights;
  }
  throw std::logic_error(fmt::format("no weights are published for the network '{}'", network));
}

}  // namespace

fs::path annotator_weights(std::string_view network) {
  const Published& weights = find_published(network);
  return fs::path(weights.manifest) / weights.file;
}

std::shared_ptr<const engine::AnnotatorNetwork> AnnotatorNetworks::get(std::string_view network) {
  const Published& weights = find_published(network);
  const weights::ModelStore store(host_.models);
  const auto file = annotator_weights(network);
  const auto place = weights.by_folder ? store.find_network(weights.manifest)
                                       : store.find(file.string(), "");
  if (!place) throw SdkError(DREAM_UNSUPPORTED, store.missing_weights(file, weights.manifest));
  return host_.engine.engine(host_.engine_options)
      .load_annotator(std::string(network), *place,
                      [&](const std::string& line) { host_.log("warning", line); });
}

}  // namespace dream::worker
