// Healthy helper: works for a given time in steps, looks for a cancel every 10 ms, and can be told
// to fail in one of several ways, also half-way.
#include <time.h>

#include <csignal>
#include <cstdlib>
#include <dream/template.hpp>

namespace {

double now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void sleep_s(double seconds) {
  const timespec time{0, static_cast<long>(seconds * 1e9)};
  nanosleep(&time, nullptr);
}

[[noreturn]] void fail(const std::string& how) {
  if (how == "segfault") std::raise(SIGSEGV);
  if (how == "abort") std::abort();
  if (how == "exit") std::exit(0);
  if (how == "throw_int") throw 123;
  throw dream::Error(how);
}

class Sleeper {
 public:
  struct Inputs {
    double seconds;
    int steps;
    std::string message;
    std::optional<std::string> crash;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::seconds, "seconds").doc("How long to work").def(0.2).ge(0).le(600);
    s.in(&Inputs::steps, "steps").doc("Steps to report").def(10).ge(1).le(10000);
    s.in(&Inputs::message, "message").doc("The output").def("done");
    s.in(&Inputs::crash, "crash")
        .doc("Fail half-way: segfault, abort, exit, throw_int, or an error with this message");
    s.output<std::string>();
    s.max_concurrency(16);
  }

  void run(const Inputs& in, dream::Run& run) {
    const double begin_s = now_s();
    const auto steps = static_cast<uint64_t>(in.steps);
    uint64_t reported = 0;
    run.progress(0, steps);
    for (;;) {
      run.checkpoint();
      const double part = in.seconds > 0 ? (now_s() - begin_s) / in.seconds : 1;
      if (in.crash && part >= 0.5) fail(*in.crash);
      const auto step = part >= 1 ? steps : static_cast<uint64_t>(part * in.steps);
      while (reported < step) run.progress(++reported, steps, "sleeping");
      if (part >= 1) break;
      const double left_s = in.seconds - (now_s() - begin_s);
      sleep_s(left_s > 0.01 ? 0.01 : left_s > 0 ? left_s : 0);
    }
    run.metric("slept_s", in.seconds);
    run.emit(in.message);
  }
};

}  // namespace

DREAM_TEMPLATE(Sleeper, "sleeper", "1.0.0", "Works for a while and says so.")
