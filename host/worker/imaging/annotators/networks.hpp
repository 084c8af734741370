// Where annotators get their networks from. The host looks up and loads weights, the annotator only
// draws; so this room stays free of libtorch, and tests may hand in networks of their own.
#pragma once

#include <memory>
#include <string_view>

#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {

class Networks {
 public:
  virtual ~Networks() = default;
  // `network` is one of sdk/engine/annotators/registry.cpp ("hed"). Asked for at each use and not
  // kept, so that a host may let go of what nobody uses. Any thread. Throws an exception whose
  // message names the weight file, where it was searched and how to get it.
  virtual std::shared_ptr<const engine::AnnotatorNetwork> get(std::string_view network) = 0;
};

}  // namespace dream::worker::imaging
