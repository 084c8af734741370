// controlnet-hed: Stable Diffusion led by the soft edges of a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetHed {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "controlnet-hed", .annotator = "hed"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetHed(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetHed, "controlnet-hed", "1.0.0",
               "Draws pictures along the soft edges of another.")
