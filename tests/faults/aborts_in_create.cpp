// Fault: set-up dies of SIGABRT.
#include "fault.hpp"

namespace {

class AbortsInCreate : public Healthy {
 public:
  AbortsInCreate() { std::abort(); }
};

}  // namespace

DREAM_TEMPLATE(AbortsInCreate, "aborts_in_create", "1.0.0", "Calls abort() at set-up.")
