// controlnet-normal: Stable Diffusion led by which way a picture's surfaces face.
#include <dream/template.hpp>

namespace {

struct ControlNetNormal {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "controlnet-normal", .annotator = "normal"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetNormal(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetNormal, "controlnet-normal", "1.0.0",
               "Draws pictures with the surfaces of another.")
