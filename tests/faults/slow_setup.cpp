// Healthy helper: a set-up that takes SLOW_SETUP_S seconds, by the environment.
#include <unistd.h>

#include <cstdlib>
#include <dream/template.hpp>

namespace {

class SlowSetup {
 public:
  struct Inputs {};

  static void describe(dream::Schema<Inputs>& s) { s.output<std::string>(); }

  SlowSetup() {
    const char* text = std::getenv("SLOW_SETUP_S");
    const double seconds = text == nullptr ? 0 : std::atof(text);
    usleep(static_cast<useconds_t>(seconds * 1e6));
  }

  void run(const Inputs&, dream::Run& run) { run.emit("ready"); }
};

}  // namespace

DREAM_TEMPLATE(SlowSetup, "slow_setup", "1.0.0", "Takes its time to start.")
