// t2i-adapter-depth: Stable Diffusion led by how near a picture's parts are.
#include <dream/template.hpp>

namespace {

struct T2IAdapterDepth {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "t2i-adapter-depth", .annotator = "depth"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterDepth(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterDepth, "t2i-adapter-depth", "1.0.0",
               "Draws pictures with the depth of another, with a small adapter.")
