// Calls every interface of the host's side once: pictures, a control map, tensors, and the engine
// as a whole and in parts. tests/http/test_worker_parts.py looks at what it publishes.
#include <dream/annotator.hpp>
#include <dream/template.hpp>

namespace {

class AllParts {
 public:
  struct Inputs {
    dream::File picture;
    int seed;
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::picture, "picture").doc("A picture file");
    s.in(&Inputs::seed, "own_seed").doc("Seed of the loop by hand").def(7);
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
  }

  explicit AllParts(dream::Setup& setup) : engine_(setup), canny_(setup, "canny") {}

  void run(const Inputs& in, dream::Run& run) {
    const dream::Image small = dream::Image::decode(run, in.picture).convert(3).resize(64, 64);
    run.emit(small, "small.png");
    run.emit(canny_.annotate(run, small, dream::Settings().set("low_threshold", 50)), "edges.png");

    const dream::Tensor latents = engine_.encode_image(small, 3);
    run.emit(engine_.decode_latents(latents), "again.png");

    const auto sizes = latents.shape();
    const auto seed = static_cast<uint64_t>(in.seed);
    const dream::Tensor noise = dream::Tensor::randn(run, sizes, seed);
    const dream::Tensor prompt = engine_.encode_prompt("a fox");
    const dream::Tensor negative = engine_.encode_prompt("");
    dream::Denoise loop = engine_.denoise({.prompt = prompt,
                                           .negative_prompt = negative,
                                           .steps = 3,
                                           .seed = seed,
                                           .latents = noise});
    while (loop.step() > 0) run.checkpoint();
    run.emit(engine_.decode_latents(loop.latents()), "by-hand.png");

    engine_.generate(run, in.diffusion,
                     {.prompt = "a fox", .on_latents = [&](dream::Step step, dream::TensorView) {
                        run.metric("last_step", static_cast<int>(step.step));
                      }});
  }

 private:
  dream::Engine engine_;
  dream::Annotator canny_;
};

}  // namespace

DREAM_TEMPLATE(AllParts, "all_parts", "1.0.0", "Calls every interface of the host.")
