// The pieces of docs/writing-templates.md that new-template does not write; compiled by the tests.
#include <dream/template.hpp>

namespace {

class Guide {
 public:
  struct Inputs {
    std::string prompt;
    int count;
    double scale;
    bool fast;
    dream::File picture;
    dream::Secret token;
    dream::Json extra;
    std::vector<std::string> tags;
    std::optional<std::string> note;
    std::variant<std::string, int> size;
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::prompt, "prompt").doc("What to draw").min_length(1).max_length(500);
    s.in(&Inputs::count, "count").doc("How many").def(1).ge(1).le(4);
    s.in(&Inputs::scale, "scale").doc("How large").def(1.0).ge(0.5).le(2);
    s.in(&Inputs::fast, "fast").doc("Whether to hurry").def(false);
    s.in(&Inputs::picture, "picture").doc("A picture");
    s.in(&Inputs::token, "token").doc("Never logged or shown");
    s.in(&Inputs::extra, "extra").doc("Any JSON").def(dream::Json{"{}"});
    s.in(&Inputs::tags, "tags").doc("Some words").def({"a", "b"});
    s.in(&Inputs::note, "note").doc("May be left out").deprecated();
    s.in(&Inputs::size, "size").doc("A name or a number").def("large");
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
    s.max_concurrency(4);
  }

  explicit Guide(dream::Setup& setup) : engine_(setup), canny_(setup, "canny") {}

  void run(const Inputs& in, dream::Run& run) {
    outputs(run);
    talk(in, run);
    pictures(in, run);
    parts(in, run);
    led(in, run);
  }

  void healthcheck() {
    if (!engine_.info().has_weights) throw dream::Error("the weights are gone");
  }

  struct TrainInputs {
    dream::File pictures;
    int steps;
  };
  static void describe_train(dream::Schema<TrainInputs>& s) {
    s.in(&TrainInputs::pictures, "pictures").doc("A zip file of pictures");
    s.in(&TrainInputs::steps, "steps").doc("How long to train").def(500).ge(1);
    s.output<dream::File>();
  }
  void train(const TrainInputs& in, dream::Run& run) {
    for (int step = 0; step < in.steps; ++step) run.checkpoint();
    run.emit(dream::File{run.temp_folder() + "/weights.zip"});
  }

 private:
  void outputs(dream::Run& run) {
    run.emit("a text");
    run.emit(3.5);
    run.emit(dream::JsonWriter().begin_object().member("faces", 2).end_object().json());
    run.emit(dream::File{run.temp_folder() + "/result.png"});
    run.emit(dream::Image::create(run, 64, 64), "black.png");
  }

  void talk(const Inputs& in, dream::Run& run) {
    for (int i = 0; i < in.count; ++i) {
      run.checkpoint();  // throws dream::Canceled, which is no std::exception: let it pass
      run.info("picture " + std::to_string(i));
      run.progress(static_cast<uint64_t>(i) + 1, static_cast<uint64_t>(in.count), "drawing");
    }
    run.metric("pictures", in.count);
    run.metric("seconds.total", 0.5, dream::MetricMode::increment);
    run.metric("names", "fox", dream::MetricMode::append);
    if (in.prompt == "nothing") throw dream::InvalidInput("prompt: there is nothing to draw");
  }

  void pictures(const Inputs& in, dream::Run& run) {
    const dream::Image image = dream::Image::decode(run, in.picture).convert(3);
    dream::Image small = image.resize(64, 64, dream::Filter::bicubic);
    const dream::WritablePixels pixels = small.edit();
    for (uint32_t y = 0; y < pixels.height; ++y) pixels.at(0, y)[0] = 255;  // a red edge
    run.emit(small, "small.webp", 80);
  }

  void parts(const Inputs& in, dream::Run& run) {
    const dream::Tensor prompt = engine_.encode_prompt(in.prompt);
    const dream::Tensor negative = engine_.encode_prompt("blurred");
    dream::Denoise loop =
        engine_.denoise({.prompt = prompt, .negative_prompt = negative, .steps = 20, .seed = 7});
    while (loop.step() > 0) {
      run.checkpoint();
      for (float& latent : loop.latents().data<float>()) latent *= 0.999F;
    }
    run.emit(engine_.decode_latents(loop.latents()), "seed-7.png");
  }

  void led(const Inputs& in, dream::Run& run) {
    const dream::Image image = dream::Image::decode(run, in.picture);
    const dream::Image edges = canny_.annotate(run, image);
    engine_.generate(run, in.diffusion,
                     {.controls = {{.network = "controlnet-canny", .image = edges, .scale = 0.7},
                                   {.network = "t2i-adapter-color", .image = image}}});
  }

  dream::Engine engine_;
  dream::Annotator canny_;
};

struct Led {
  struct Inputs {
    dream::DiffusionInputs diffusion;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.control_inputs(&Inputs::diffusion, {.network = "controlnet-canny", .annotator = "canny"});
    s.output<dream::File>(dream::iterator);
  }
  explicit Led(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }
  dream::Engine engine;
};
static_assert(dream::detail::HasRun<Led>);

class Trainer {
 public:
  struct Inputs {
    dream::TrainingInputs training;
  };
  static void describe(dream::Schema<Inputs>& schema) {
    schema.training_inputs(&Inputs::training, dream::TrainingKind::lora);
  }
  explicit Trainer(dream::Setup& setup) : trainer_(setup) {}
  void run(const Inputs& in, dream::Run& run) { trainer_.train(run, in.training); }

 private:
  dream::Trainer trainer_;
};
static_assert(dream::detail::HasRun<Trainer>);

}  // namespace

DREAM_TEMPLATE(Guide, "guide", "1.0.0", "What the guide shows.")
