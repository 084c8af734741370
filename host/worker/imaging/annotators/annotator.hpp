// Annotators turn a picture into a control map: edges, depth, a pose. One per file; to add one,
// write it and give it a line in registry.cpp.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// Any thread may call any function.
class Annotator {
 public:
  virtual ~Annotator() = default;

  // The control map of an RGB picture: RGB, same size. `settings` is a JSON object of the
  // annotator's own options. Throws engine::InvalidInput for an unknown or bad option.
  virtual engine::Picture annotate(const engine::Picture& picture,
                                   const nlohmann::json& settings) const = 0;
};

struct AnnotatorKind {
  const char* name;
  std::unique_ptr<Annotator> (*make)();
};

// In the order users see.
std::span<const AnnotatorKind> annotator_kinds();

// Throws engine::InvalidInput, which names those that exist, for an unknown name.
std::unique_ptr<Annotator> make_annotator(std::string_view name);

std::unique_ptr<Annotator> make_canny();  // canny.cpp

}  // namespace dream::worker::imaging
