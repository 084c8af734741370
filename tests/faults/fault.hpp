// What the one-fault templates share: a template that works, to spoil in exactly one place.
#pragma once

#include <cstdlib>
#include <dream/template.hpp>

namespace {

class Healthy {
 public:
  struct Inputs {
    std::string text;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("Any text").def("hello");
    s.output<std::string>();
  }
  void run(const Inputs& in, dream::Run& run) { run.emit(in.text); }
};

}  // namespace

// For libraries that must be refused before any of their code runs: this ends the process that
// loads one.
#define FAULT_ABORTS_WHEN_LOADED                                 \
  __attribute__((constructor)) static void abort_when_loaded() { \
    std::abort();                                                \
  }
