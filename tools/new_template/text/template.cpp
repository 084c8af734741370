// @NAME@: greets, word by word, and says how long the greeting is.
#include <dream/template.hpp>

namespace {

class Template {
 public:
  struct Inputs {
    std::string name;
    int times;
  };

  static void describe(dream::Schema<Inputs>& s) {  // the order of the calls is the order users see
    s.in(&Inputs::name, "name").doc("Whom to greet").min_length(1);
    s.in(&Inputs::times, "times").doc("How often").def(1).ge(1).le(10);
    s.output<std::string>(dream::concatenate);
    s.max_concurrency(8);
  }

  void run(const Inputs& in, dream::Run& run) {
    for (int i = 0; i < in.times; ++i) {
      run.checkpoint();  // ends here if the prediction was canceled
      run.emit("Hello, " + in.name + "! ");
      run.progress(static_cast<uint64_t>(i) + 1, static_cast<uint64_t>(in.times));
    }
    run.metric("greetings", in.times);
  }
};

}  // namespace

DREAM_TEMPLATE(Template, "@NAME@", "1.0.0", "Greets somebody.")
