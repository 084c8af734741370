// t2i-adapter-style: Stable Diffusion led by the style of any picture.
#include <dream/template.hpp>

namespace {

struct T2IAdapterStyle {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion, {.network = "t2i-adapter-style"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterStyle(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterStyle, "t2i-adapter-style", "1.0.0",
               "Draws pictures in the style of another.")
