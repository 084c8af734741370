// Fault: stops its own process, which then answers nothing.
#include <csignal>

#include "fault.hpp"

namespace {

class StopsItself : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    std::raise(SIGSTOP);
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(StopsItself, "stops_itself", "1.0.0", "Stops the process it runs in.")
