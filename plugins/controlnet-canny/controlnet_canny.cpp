// controlnet-canny: Stable Diffusion led by the edges of a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetCanny {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "controlnet-canny", .annotator = "canny"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetCanny(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetCanny, "controlnet-canny", "1.0.0",
               "Draws pictures along the edges of another.")
