// dream-worker: the process in which templates and the engine live. Started by `dream` alone; see
// host/workers/protocol.hpp for what is said over the descriptors it is given.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "host/worker/crash_report.hpp"
#include "host/worker/worker.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define DREAM_HAS_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DREAM_HAS_LEAK_CHECK 1
#endif
#endif
#ifdef DREAM_HAS_LEAK_CHECK
#include <sanitizer/lsan_interface.h>
#endif

namespace {

constexpr int exit_leaks = 23;
constexpr int first_channel_fd = 200;  // out of the way of anything that counts on low numbers

// Moves a channel to a high number, and hides it from programs a template may start.
int move_high(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, first_channel_fd);
  if (moved < 0) throw std::runtime_error("descriptor " + std::to_string(fd) + " is not open");
  close(fd);
  return moved;
}

// In a sanitizer build, when `dream templates check` asks for it: has anything been lost? The
// report goes to stderr.
bool leaks_found() {
#ifdef DREAM_HAS_LEAK_CHECK
  if (std::getenv("DREAM_LEAK_CHECK") != nullptr) return __lsan_do_recoverable_leak_check() != 0;
#endif
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The worker process of dream; not meant to be started by hand"};
  int control_fd = -1;
  std::vector<int> slot_fds;
  app.add_option("--control-fd", control_fd, "Socket of the control channel")->required();
  app.add_option("--slot-fds", slot_fds, "Sockets of the slots, with commas")
      ->required()
      ->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  prctl(PR_SET_PDEATHSIG, SIGKILL);  // besides the end of the control channel
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // what a template leaves behind ends with us
  signal(SIGINT, SIG_IGN);           // Ctrl-C is for the host, which then cancels
  signal(SIGPIPE, SIG_IGN);
  // libtorch's threads sleep while they wait: spinning ones slow a busy machine down many times.
  // Read by libgomp when the engine is loaded; a value the user set stays.
  setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  dream::worker::install_crash_report();
  const dream::worker::SignalStack signal_stack;
  try {
    control_fd = move_high(control_fd);
    for (int& fd : slot_fds) fd = move_high(fd);
    // Never destroyed: libraries stay loaded, and their threads may still look at it.
    auto* worker = new dream::worker::Worker(control_fd, slot_fds);
    const int code = worker->serve();
    if (leaks_found()) std::_Exit(exit_leaks);
    std::fflush(nullptr);
    std::_Exit(code);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dream-worker: %s\n", error.what());
    std::_Exit(1);
  }
}
