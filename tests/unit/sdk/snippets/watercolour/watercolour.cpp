#include <dream/template.hpp>

struct Watercolour {
  struct Inputs {
    std::string subject;
    dream::DiffusionInputs diffusion;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::subject, "subject").doc("What to paint").max_length(200);
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
  }
  explicit Watercolour(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) {
    engine.generate(run, in.diffusion, {.prompt = "a watercolour of " + in.subject});
  }
  dream::Engine engine;
};
DREAM_TEMPLATE(Watercolour, "watercolour", "1.0.0", "Paints any subject in watercolours.")
