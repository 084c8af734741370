// Example of tier torch: sharpens the latents with ATen while the picture is drawn.
#include <dream/template.hpp>
#include <dream/torch.hpp>

namespace {

class LatentSharpen {
 public:
  struct Inputs {
    double amount;
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::amount, "amount").doc("How much to sharpen each step").def(0.02).ge(0).le(1);
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
  }

  explicit LatentSharpen(dream::Setup& setup) : engine_(setup) {}

  void run(const Inputs& in, dream::Run& run) {
    engine_.generate(run, in.diffusion, {.on_latents = [&](dream::Step, dream::TensorView view) {
                       const at::Tensor latents = dream::to_torch(view);
                       const at::Tensor blurred = at::avg_pool2d(latents, 3, 1, 1, false, false);
                       latents.add_(latents - blurred, in.amount);
                     }});
  }

 private:
  dream::Engine engine_;
};

}  // namespace

DREAM_TEMPLATE(LatentSharpen, "latent-sharpen", "1.0.0", "Sharpens the latents at every step.")
