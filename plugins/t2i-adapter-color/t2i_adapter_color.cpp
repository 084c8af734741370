// t2i-adapter-color: Stable Diffusion led by the colours of a picture.
#include <dream/template.hpp>

namespace {

struct T2IAdapterColor {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "t2i-adapter-color", .annotator = "color"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterColor(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterColor, "t2i-adapter-color", "1.0.0",
               "Draws pictures in the colours of another.")
