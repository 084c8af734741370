#include <array>
#include <string>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {
namespace {

constexpr std::array kinds = {
    AnnotatorKind{"canny", make_canny},
};

}  // namespace

std::span<const AnnotatorKind> annotator_kinds() {
  return kinds;
}

std::unique_ptr<Annotator> make_annotator(std::string_view name) {
  std::string known;
  for (const AnnotatorKind& kind : kinds) {
    if (kind.name == name) return kind.make();
    known += known.empty() ? kind.name : std::string(", ") + kind.name;
  }
  throw engine::InvalidInput("there is no annotator '" + std::string(name) + "': this dream has " +
                             known);
}

}  // namespace dream::worker::imaging
