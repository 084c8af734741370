// controlnet-scribble: Stable Diffusion led by a scribble.
#include <dream/template.hpp>

namespace {

struct ControlNetScribble {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "controlnet-scribble", .annotator = "scribble"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetScribble(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetScribble, "controlnet-scribble", "1.0.0",
               "Draws pictures after a scribble, or after what another would be as one.")
