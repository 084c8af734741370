// Fault: two inputs of the same name.
#include "fault.hpp"

namespace {

class DuplicateInput : public Healthy {
 public:
  struct Inputs {
    std::string text, other;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("Any text").def("hello");
    s.in(&Inputs::other, "text").doc("Another").def("hello");
  }
  void run(const Inputs&, dream::Run&) {}
};

}  // namespace

DREAM_TEMPLATE(DuplicateInput, "duplicate_input", "1.0.0", "Declares an input twice.")
