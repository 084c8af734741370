// Fault: closes the process's standard output.
#include <unistd.h>

#include "fault.hpp"

namespace {

class ClosesStdout : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    close(STDOUT_FILENO);
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(ClosesStdout, "closes_stdout", "1.0.0", "Closes file descriptor 1.")
