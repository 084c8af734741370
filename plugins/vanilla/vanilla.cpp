// vanilla: Stable Diffusion as the weights were trained, with nothing added.
#include <dream/template.hpp>

namespace {

class Vanilla {
 public:
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.diffusion_inputs(&Inputs::diffusion);
    schema.output<dream::File>(dream::iterator);
  }

  explicit Vanilla(dream::Setup& setup) : engine_(setup) {}

  void run(const Inputs& in, dream::Run& run) { engine_.generate(run, in.diffusion); }

 private:
  dream::Engine engine_;
};

}  // namespace

DREAM_TEMPLATE(Vanilla, "vanilla", "1.0.0", "Draws pictures from a text with Stable Diffusion.")
