// controlnet-seg: Stable Diffusion led by what lies where in a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetSeg {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "controlnet-seg", .annotator = "seg"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetSeg(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetSeg, "controlnet-seg", "1.0.0",
               "Draws pictures with things where another has them.")
