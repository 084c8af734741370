#include "sdk/engine/annotators/registry.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <string>

namespace dream::engine {
namespace {

struct Kind {
  const char* name;
  MakeAnnotatorNetwork* make;
};

constexpr std::array kinds = {
    Kind{"hed", load_hed},
    Kind{"controlnet-hed", load_controlnet_hed},
    Kind{"pidinet", load_pidinet},
    Kind{"lineart", load_lineart},
    Kind{"lineart-coarse", load_lineart},
    Kind{"lineart-anime", load_lineart_anime},
    Kind{"mlsd", load_mlsd},
    Kind{"openpose-body", load_openpose_body},
    Kind{"openpose-hand", load_openpose_hand},
    Kind{"openpose-face", load_openpose_face},
    Kind{"midas", load_midas},
    Kind{"normalbae", load_normalbae},
    Kind{"upernet", load_upernet},
};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> make_annotator_network(std::string_view network,
                                                               const std::filesystem::path& weights,
                                                               const Compute& compute,
                                                               const Warn& warn) {
  std::string known;
  for (const Kind& kind : kinds) {
    if (kind.name == network) return kind.make(weights, compute, warn);
    known += known.empty() ? kind.name : std::string(", ") + kind.name;
  }
  throw std::runtime_error(
      fmt::format("there is no annotator network '{}': there are {}", network, known));
}

}  // namespace dream::engine
