// controlnet-inpaint: Stable Diffusion led by what a mask leaves of a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetInpaint {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "controlnet-inpaint", .masked = true});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetInpaint(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetInpaint, "controlnet-inpaint", "1.0.0",
               "Repaints what a mask shows to fit the rest of a picture.")
