// Fault: leaves a child process behind that holds on to every file descriptor.
#include <unistd.h>

#include "fault.hpp"

namespace {

class ForksChild : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    if (fork() == 0) {
      sleep(20);
      _exit(0);
    }
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(ForksChild, "forks_child", "1.0.0", "Leaves a child process behind.")
