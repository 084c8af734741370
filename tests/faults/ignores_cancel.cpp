// Fault: works on after a cancel, for as long as it was told.
#include <time.h>

#include "fault.hpp"

namespace {

class IgnoresCancel {
 public:
  struct Inputs {
    double seconds;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::seconds, "seconds").doc("How long to work").def(5).ge(0).le(600);
    s.output<std::string>();
  }
  void run(const Inputs& in, dream::Run& run) {
    run.info("working");
    for (int tenths = 0; tenths < static_cast<int>(in.seconds * 10); ++tenths) {
      const timespec pause{0, 100000000};
      nanosleep(&pause, nullptr);
    }
    run.emit("never looked");
  }
};

}  // namespace

DREAM_TEMPLATE(IgnoresCancel, "ignores_cancel", "1.0.0", "Never looks for a cancel.")
