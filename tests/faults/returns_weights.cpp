// Healthy helper: a trainer that takes its time and returns the archive it was given.
#include <time.h>

#include <dream/template.hpp>

namespace {

class ReturnsWeights {
 public:
  struct Inputs {
    std::string prompt;
  };
  struct TrainInputs {
    std::string instance_prompt;
    dream::File instance_data;
    int steps;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::prompt, "prompt").doc("What it says");
    s.output<std::string>();
  }

  static void describe_train(dream::Schema<TrainInputs>& s) {
    s.in(&TrainInputs::instance_prompt, "instance_prompt").doc("A text");
    s.in(&TrainInputs::instance_data, "instance_data").doc("An archive");
    s.in(&TrainInputs::steps, "steps").doc("10 ms each").def(3).ge(1).le(100000);
    s.output<dream::File>();
  }

  void run(const Inputs& in, dream::Run& run) { run.emit(in.prompt); }

  void train(const TrainInputs& in, dream::Run& run) {
    for (int step = 0; step < in.steps; ++step) {
      run.checkpoint();
      const timespec moment{0, 10'000'000};
      nanosleep(&moment, nullptr);
      run.progress(static_cast<uint64_t>(step) + 1, static_cast<uint64_t>(in.steps), "training");
    }
    run.emit(dream::File{in.instance_data.path}, "output.zip");
  }
};

}  // namespace

DREAM_TEMPLATE(ReturnsWeights, "returns_weights", "1.0.0", "Returns the archive it is given.")
