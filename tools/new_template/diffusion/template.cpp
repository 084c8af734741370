// @NAME@: draws a subject in a style, with the weights this server was started with.
#include <dream/template.hpp>

namespace {

class Template {
 public:
  struct Inputs {
    std::string subject;
    std::string style;
    dream::DiffusionInputs diffusion;
  };

  static void describe(dream::Schema<Inputs>& s) {  // the order of the calls is the order users see
    s.in(&Inputs::subject, "subject").doc("What to draw").max_length(200);
    s.in(&Inputs::style, "style")
        .doc("How to draw it")
        .def("watercolour")
        .choices({"watercolour", "oil", "pencil"});
    s.diffusion_inputs(&Inputs::diffusion);
    s.output<dream::File>(dream::iterator);
  }

  explicit Template(dream::Setup& setup) : engine_(setup) {}

  void run(const Inputs& in, dream::Run& run) {
    engine_.generate(run, in.diffusion, {.prompt = in.subject + ", " + in.style + " style"});
  }

 private:
  dream::Engine engine_;
};

}  // namespace

DREAM_TEMPLATE(Template, "@NAME@", "1.0.0", "Draws a subject in a style.")
