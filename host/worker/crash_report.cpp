#include "host/worker/crash_report.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <exception>

namespace dream::worker {
namespace {

constexpr std::size_t max_line = 512;
thread_local char context[256] = "";

// One line, built and written with async-signal-safe calls only.
class Line {
 public:
  Line& add(const char* text) {
    while (*text != '\0' && size_ < max_line - 1) {
      const char c = *text++;
      bytes_[size_++] = c == '\n' ? ' ' : c;
    }
    return *this;
  }
  void write_to_stderr() {
    bytes_[size_++] = '\n';
    const ssize_t ignored = ::write(STDERR_FILENO, bytes_, size_);
    static_cast<void>(ignored);
  }

 private:
  char bytes_[max_line];
  std::size_t size_ = 0;
};

const char* signal_name(int number) {
  switch (number) {
    case SIGSEGV:
      return "SIGSEGV (invalid memory access)";
    case SIGABRT:
      return "SIGABRT (abort)";
    case SIGBUS:
      return "SIGBUS (bad memory mapping)";
    case SIGFPE:
      return "SIGFPE (arithmetic error)";
    case SIGILL:
      return "SIGILL (illegal instruction)";
    default:
      return "a signal";
  }
}

Line& add_context(Line& line) {
  if (*context != '\0') return line.add(" in ").add(context);
  return line.add(" outside of any template call");
}

void report(int number) {
  Line line;
  add_context(line.add("dream-worker died of ").add(signal_name(number))).write_to_stderr();
  ::signal(number, SIG_DFL);
  ::raise(number);  // delivered when this handler returns
}

[[noreturn]] void on_terminate() {
  Line line;
  line.add("dream-worker: uncaught exception");
  try {
    if (std::current_exception()) throw;
  } catch (const std::exception& error) {
    line.add(": ").add(error.what());
  } catch (...) {
    line.add(" of an unknown type");
  }
  add_context(line).write_to_stderr();
  std::abort();
}

}  // namespace

void install_crash_report() {
  std::set_terminate(on_terminate);
  struct sigaction action {};
  action.sa_handler = report;
  action.sa_flags = SA_ONSTACK;
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL})
    sigaction(number, &action, nullptr);
}

CrashContext::CrashContext(const char* text) {
  std::strncpy(context, text, sizeof context - 1);
  context[sizeof context - 1] = '\0';
}

CrashContext::~CrashContext() {
  context[0] = '\0';
}

SignalStack::SignalStack() : memory_(std::make_unique<std::array<char, bytes>>()) {
  const stack_t stack{.ss_sp = memory_->data(), .ss_flags = 0, .ss_size = bytes};
  sigaltstack(&stack, nullptr);
}

SignalStack::~SignalStack() {
  const stack_t off{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  sigaltstack(&off, nullptr);
}

}  // namespace dream::worker
