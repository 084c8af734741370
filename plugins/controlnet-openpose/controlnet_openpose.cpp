// controlnet-openpose: Stable Diffusion led by how the people of a picture stand.
#include <dream/template.hpp>

namespace {

struct ControlNetOpenPose {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.control_inputs(&Inputs::diffusion,
                          {.network = "controlnet-openpose", .annotator = "openpose"});
    schema.output<dream::File>(dream::iterator);
  }

  explicit ControlNetOpenPose(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }

  dream::Engine engine;
};

}  // namespace

DREAM_TEMPLATE(ControlNetOpenPose, "controlnet-openpose", "1.0.0",
               "Draws people in the poses of those in another picture.")
