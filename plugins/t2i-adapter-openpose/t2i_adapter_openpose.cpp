// t2i-adapter-openpose: Stable Diffusion led by how the people of a picture stand.
#include <dream/template.hpp>

namespace {

struct T2IAdapterOpenPose {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "t2i-adapter-openpose", .annotator = "openpose"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit T2IAdapterOpenPose(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(T2IAdapterOpenPose, "t2i-adapter-openpose", "1.0.0",
               "Draws people in the poses of another picture, with a small adapter.")
