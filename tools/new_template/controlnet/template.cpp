// @NAME@: finds a picture's edges, shows them, and draws a picture whose first steps lean on them.
#include <dream/template.hpp>

namespace {

class Template {
 public:
  struct Inputs {
    dream::File image;
    int low_threshold;
    int high_threshold;
    double strength;
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& s) {  // the order of the calls is the order users see
    s.in(&Inputs::image, "image").doc("The picture whose edges lead");
    s.in(&Inputs::low_threshold, "low_threshold")
        .doc("Canny's low threshold")
        .def(100)
        .ge(1)
        .le(255);
    s.in(&Inputs::high_threshold, "high_threshold")
        .doc("Canny's high threshold")
        .def(200)
        .ge(1)
        .le(255);
    s.in(&Inputs::strength, "strength").doc("How much the edges lead").def(0.2).ge(0).le(1);
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
  }

  explicit Template(dream::Setup& setup) : engine_(setup), canny_(setup, "canny") {}

  void run(const Inputs& in, dream::Run& run) {
    const dream::Image image = dream::Image::decode(run, in.image).convert(3);
    const dream::Image edges = canny_.annotate(run, image,
                                               dream::Settings()
                                                   .set("low_threshold", in.low_threshold)
                                                   .set("high_threshold", in.high_threshold));
    run.emit(edges, "edges.png");
    engine_.generate(run, in.diffusion,
                     {.on_latents = [&](dream::Step step, dream::TensorView latents) {
                       if (step.step * 2 <= step.steps) lean(latents, edges, in.strength);
                     }});
  }

 private:
  // Moves the latents [1, C, h, w] under an edge by `strength`.
  static void lean(dream::TensorView latents, const dream::Image& edges, double strength) {
    const auto rows = static_cast<uint32_t>(latents.shape()[2]);
    const auto columns = static_cast<uint32_t>(latents.shape()[3]);
    const dream::Image small = edges.resize(columns, rows, dream::Filter::bilinear);
    const dream::Pixels pixels = small.pixels();
    const auto values = latents.data<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto x = static_cast<uint32_t>(i % columns);
      const auto y = static_cast<uint32_t>(i / columns % rows);
      values[i] -= static_cast<float>(strength * pixels.at(x, y)[0] / 255);
    }
  }

  dream::Engine engine_;
  dream::Annotator canny_;
};

}  // namespace

DREAM_TEMPLATE(Template, "@NAME@", "1.0.0", "Draws a picture led by the edges of another.")
