// Fault: leaves a thread behind that never ends.
#include <chrono>
#include <thread>

#include "fault.hpp"

namespace {

class LeaksThread : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    std::thread([] {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }).detach();
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(LeaksThread, "leaks_thread", "1.0.0", "Leaves a thread behind.")
