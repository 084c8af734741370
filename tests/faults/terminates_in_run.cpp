// Fault: calls std::terminate().
#include <exception>

#include "fault.hpp"

namespace {

class Terminates : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) { std::terminate(); }
};

}  // namespace

DREAM_TEMPLATE(Terminates, "terminates_in_run", "1.0.0", "Calls std::terminate().")
