// Healthy helper: can be trained, takes secrets, and is as well as its last prediction told it.
#include <time.h>

#include <atomic>
#include <cstdio>
#include <dream/template.hpp>

namespace {

void pause_ms(int duration_ms) {
  const timespec time{duration_ms / 1000, duration_ms % 1000 * 1000000L};
  nanosleep(&time, nullptr);
}

class Trainer {
 public:
  struct Inputs {
    std::string health;
    std::optional<dream::Secret> token;
    bool tell;
  };
  struct TrainInputs {
    std::string name;
    int steps;
    std::string health;
    std::optional<dream::Secret> token;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::health, "health")
        .doc("How it feels after this run")
        .def("good")
        .choices({"good", "bad", "slow", "no"});
    s.in(&Inputs::token, "token").doc("A secret");
    s.in(&Inputs::tell, "tell").doc("Whether to fail with the secret in the message").def(false);
    s.output<std::string>();
    s.max_concurrency(2);
  }

  static void describe_train(dream::Schema<TrainInputs>& s) {
    s.in(&TrainInputs::name, "name").doc("Of the file that is made");
    s.in(&TrainInputs::steps, "steps").doc("10 ms each").def(3).ge(1).le(100000);
    s.in(&TrainInputs::health, "health").doc("Not as above").def("fine").choices({"fine"});
    s.in(&TrainInputs::token, "token").doc("A secret");
    s.output<dream::File>();
  }

  void run(const Inputs& in, dream::Run& run) {
    health_ = in.health[0];
    const std::string token = in.token ? in.token->reveal() : "none";
    run.info("the token is " + token);
    if (in.tell) throw dream::Error("cannot log in with " + token);
    run.emit("feeling " + in.health + ", a token of " + std::to_string(token.size()));
  }

  void train(const TrainInputs& in, dream::Run& run) {
    for (int step = 0; step < in.steps; ++step) {
      run.checkpoint();
      pause_ms(10);
      run.progress(static_cast<uint64_t>(step) + 1, static_cast<uint64_t>(in.steps), "training");
    }
    const std::string path = run.temp_folder() + "/weights.bin";
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) throw dream::Error("cannot write " + path);
    std::fprintf(file, "%d steps", in.steps);
    std::fclose(file);
    run.emit(dream::File{path}, in.name + ".bin");
  }

  bool healthcheck() {
    if (health_ == 's') pause_ms(8000);
    if (health_ == 'b') throw dream::Error("feeling bad");
    return health_ != 'n';
  }

 private:
  std::atomic<char> health_ = 'g';
};

}  // namespace

DREAM_TEMPLATE(Trainer, "trainer", "1.0.0", "Can be trained and asked how it is.")
