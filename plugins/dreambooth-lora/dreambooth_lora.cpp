// dreambooth-lora: teaches what a few pictures show as a LoRA, a small file laid over the model.
#include <dream/template.hpp>

namespace {

class DreamBoothLora {
 public:
  struct Inputs {
    dream::TrainingInputs training;
  };

  static void describe(dream::Schema<Inputs>& schema) {
    schema.training_inputs(&Inputs::training, dream::TrainingKind::lora);
  }

  explicit DreamBoothLora(dream::Setup& setup) : trainer_(setup) {}

  void run(const Inputs& in, dream::Run& run) { trainer_.train(run, in.training); }

  // The same by the name that trainings have: POST /trainings.
  using TrainInputs = Inputs;
  static void describe_train(dream::Schema<TrainInputs>& schema) { describe(schema); }
  void train(const TrainInputs& in, dream::Run& training) { run(in, training); }

 private:
  dream::Trainer trainer_;
};

}  // namespace

DREAM_TEMPLATE(DreamBoothLora, "dreambooth-lora", "1.0.0",
               "Trains a LoRA of what a few pictures show; returns output.zip.")
