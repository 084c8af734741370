// controlnet-mlsd: Stable Diffusion led by the straight lines of a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetMlsd {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "controlnet-mlsd", .annotator = "mlsd"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetMlsd(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetMlsd, "controlnet-mlsd", "1.0.0",
               "Draws pictures along the straight lines of another.")
