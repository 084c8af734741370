// Opens every annotator of its host and runs the one that is asked for.
// tests/http/test_annotators.py looks at what it publishes.
#include <dream/annotator.hpp>
#include <dream/template.hpp>
#include <map>
#include <memory>
#include <string>

namespace {

class AnyAnnotator {
 public:
  struct Inputs {
    dream::File picture;
    std::string annotator;
    int detect_resolution;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::picture, "picture").doc("A picture file");
    s.in(&Inputs::annotator, "annotator").doc("Name of an annotator").def("canny");
    s.in(&Inputs::detect_resolution, "detect_resolution").doc("Its option, unless 0").def(0);
    s.output<dream::File>();
  }

  explicit AnyAnnotator(dream::Setup& setup) {
    for (const auto& name : dream::Annotator::names(setup))
      annotators_[name] = std::make_unique<dream::Annotator>(setup, name);
  }

  void run(const Inputs& in, dream::Run& run) {
    const dream::Image picture = dream::Image::decode(run, in.picture);
    dream::Settings settings;
    if (in.detect_resolution != 0) settings.set("detect_resolution", in.detect_resolution);
    run.emit(annotators_.at(in.annotator)->annotate(run, picture, settings), "map.png");
  }

 private:
  std::map<std::string, std::unique_ptr<dream::Annotator>> annotators_;
};

}  // namespace

DREAM_TEMPLATE(AnyAnnotator, "any_annotator", "1.0.0", "Draws the control map of a picture.")
