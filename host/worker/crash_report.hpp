// The last words of a worker that dies of a signal: one line that names the signal and the
// template, so that the host's log says more than that a process is gone.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace dream::worker {

// For SIGSEGV, SIGABRT, SIGBUS, SIGFPE and SIGILL: the line goes to fd 2, then the signal has its
// default effect. std::terminate logs the text of the exception first.
void install_crash_report();

// Names what this thread is doing, until destroyed: "template echo, prediction 42". Not nested.
class CrashContext {
 public:
  explicit CrashContext(const char* text);
  ~CrashContext();
  CrashContext(const CrashContext&) = delete;
  CrashContext& operator=(const CrashContext&) = delete;
};

// A stack of its own for this thread's signal handlers, so that a stack overflow is reported too.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t bytes = 64 << 10;
  std::unique_ptr<std::array<char, bytes>> memory_;
};

}  // namespace dream::worker
