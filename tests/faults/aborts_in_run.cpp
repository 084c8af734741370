// Fault: dies of SIGABRT.
#include "fault.hpp"

namespace {

class Aborts : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) { std::abort(); }
};

}  // namespace

DREAM_TEMPLATE(Aborts, "aborts_in_run", "1.0.0", "Calls abort().")
