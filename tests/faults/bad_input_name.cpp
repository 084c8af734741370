// Fault: an input whose name no host accepts.
#include "fault.hpp"

namespace {

class BadInputName : public Healthy {
 public:
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "Two Words").doc("Any text").def("hello");
  }
};

}  // namespace

DREAM_TEMPLATE(BadInputName, "bad_input_name", "1.0.0", "Has an input with a bad name.")
