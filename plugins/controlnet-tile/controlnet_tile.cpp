// controlnet-tile: Stable Diffusion led by the coarse colours of a picture.
#include <dream/template.hpp>

namespace {

struct ControlNetTile {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "controlnet-tile", .annotator = "tile"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetTile(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetTile, "controlnet-tile", "1.0.0", "Draws a picture anew with more detail.")
