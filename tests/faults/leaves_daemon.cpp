// Fault: starts a process that leaves its group and session, and a child that ends and is never
// waited for.
#include <unistd.h>

#include <cstdlib>

#include "fault.hpp"

namespace {

class LeavesDaemon {
 public:
  struct Inputs {
    int seconds;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::seconds, "seconds").doc("How long it lives").def(60).ge(0).le(600);
    s.output<int>();
  }
  void run(const Inputs& in, dream::Run& run) {
    int report[2];
    if (pipe(report) != 0) throw dream::Error("no pipe");
    if (fork() == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      const pid_t self = getpid();
      if (write(report[1], &self, sizeof self) > 0) sleep(static_cast<unsigned>(in.seconds));
      _exit(0);
    }
    pid_t daemon = 0;
    if (read(report[0], &daemon, sizeof daemon) < 0) throw dream::Error("no daemon");
    close(report[0]);
    close(report[1]);
    run.emit(static_cast<int>(daemon));
  }
};

}  // namespace

DREAM_TEMPLATE(LeavesDaemon, "leaves_daemon", "1.0.0", "Leaves processes behind.")
