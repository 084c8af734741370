// Fault: describe() throws.
#include "fault.hpp"

namespace {

class ThrowsInDescribe : public Healthy {
 public:
  static void describe(dream::Schema<Inputs>&) { throw std::runtime_error("no schema on purpose"); }
};

}  // namespace

DREAM_TEMPLATE(ThrowsInDescribe, "throws_in_describe", "1.0.0", "Fails to say what it takes.")
