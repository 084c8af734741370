// t2i-adapter-sketch: Stable Diffusion led by a picture's outlines as if drawn by hand.
#include <dream/template.hpp>

namespace {

struct T2IAdapterSketch {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "t2i-adapter-sketch", .annotator = "sketch"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterSketch(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterSketch, "t2i-adapter-sketch", "1.0.0",
               "Draws pictures after a sketch, or after the outlines of another.")
