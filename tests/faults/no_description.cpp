// Fault: an input that nobody explains.
#include "fault.hpp"

namespace {

class NoDescription : public Healthy {
 public:
  static void describe(dream::Schema<Inputs>& s) { s.in(&Inputs::text, "text").def("hello"); }
};

}  // namespace

DREAM_TEMPLATE(NoDescription, "no_description", "1.0.0", "Has an input without a description.")
