// The networks of annotators in this process: weight files of the model store, loaded at the first
// use, so that a server without them starts and says what is missing only when it is needed. The
// engine keeps them as far as its memory budget goes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "host/worker/imaging/annotators/networks.hpp"

namespace dream::worker {

struct HostState;

class AnnotatorNetworks final : public imaging::Networks {
 public:
  // Reads store and engine of `host`, which outlives it, when a network is asked for.
  explicit AnnotatorNetworks(HostState& host) : host_(host) {}

  // Throws SdkError (DREAM_UNSUPPORTED) that names the file, where it was searched and the command
  // that gets it; std::runtime_error for a file that does not fit.
  std::shared_ptr<const engine::AnnotatorNetwork> get(std::string_view network) override;

 private:
  HostState& host_;
};

// Where the weight file of a network, as published, lies below a model store. Throws
// std::logic_error for a network that has none.
std::filesystem::path annotator_weights(std::string_view network);

}  // namespace dream::worker
