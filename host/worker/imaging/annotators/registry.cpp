#include <array>
#include <string>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {

std::span<const AnnotatorKind> annotator_kinds() {
  static const std::array kinds = {canny,    hed,  scribble, pidinet, sketch,
                                   lineart,  lineart_anime,  mlsd,    depth,  normal,
                                   normalbae, openpose, seg, tile,    color};
  return kinds;
}

const AnnotatorKind& annotator_kind(std::string_view name) {
  std::string known;
  for (const AnnotatorKind& kind : annotator_kinds()) {
    if (kind.name == name) return kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw engine::InvalidInput("there is no annotator '" + std::string(name) + "': this dream has " +
                             known);
}

std::unique_ptr<Annotator> make_annotator(std::string_view name, Networks& networks) {
  return annotator_kind(name).make(networks);
}

}  // namespace dream::worker::imaging
