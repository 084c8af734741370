// Fault: throws something that is not a std::exception.
#include "fault.hpp"

namespace {

class ThrowsInt : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) { throw 123; }
};

}  // namespace

DREAM_TEMPLATE(ThrowsInt, "throws_int_in_run", "1.0.0", "Throws 123.")
