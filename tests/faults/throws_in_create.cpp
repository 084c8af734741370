// Fault: set-up fails.
#include "fault.hpp"

namespace {

class ThrowsInCreate : public Healthy {
 public:
  ThrowsInCreate() { throw std::runtime_error("set-up failed on purpose"); }
};

}  // namespace

DREAM_TEMPLATE(ThrowsInCreate, "throws_in_create", "1.0.0", "Fails at set-up.")
