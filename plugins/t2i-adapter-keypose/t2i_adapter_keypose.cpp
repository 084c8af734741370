// t2i-adapter-keypose: Stable Diffusion led by a ready map of key points.
#include <dream/template.hpp>

namespace {

struct T2IAdapterKeypose {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "t2i-adapter-keypose"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterKeypose(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterKeypose, "t2i-adapter-keypose", "1.0.0",
               "Draws people in the poses of a map of key points.")
