// Annotators turn a picture into a control map: edges, depth, a pose. One per file; to add one,
// write it and give it a line in registry.cpp, and its network, if it has one, a file in
// sdk/engine/annotators.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "host/worker/imaging/annotators/networks.hpp"
#include "host/worker/imaging/annotators/option.hpp"
#include "sdk/engine/image/picture.hpp"

namespace dream::worker::imaging {

// Any thread may call any function.
class Annotator {
 public:
  virtual ~Annotator() = default;

  // The control map of an RGB picture: RGB, same size. `settings` is a JSON object of the
  // annotator's own options. Throws engine::InvalidInput for an unknown or bad option, and what
  // Networks::get() throws for weights that are not there.
  virtual engine::Picture annotate(const engine::Picture& picture,
                                   const nlohmann::json& settings) const = 0;
};

struct AnnotatorKind {
  const char* name;
  const char* description;  // what its maps show
  std::span<const AnnotatorOption> options;
  // `networks` outlives the annotator. Loads nothing.
  std::unique_ptr<Annotator> (*make)(Networks& networks);
};

// In the order users see.
std::span<const AnnotatorKind> annotator_kinds();

// Throws engine::InvalidInput, which names those that exist, for an unknown name.
const AnnotatorKind& annotator_kind(std::string_view name);
std::unique_ptr<Annotator> make_annotator(std::string_view name, Networks& networks);

// Each in the file of its name.
extern const AnnotatorKind canny, hed, scribble, pidinet, sketch, lineart, lineart_anime, mlsd,
    depth, normal, normalbae, openpose, seg, tile, color;

}  // namespace dream::worker::imaging
