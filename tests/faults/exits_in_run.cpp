// Fault: ends the process as if all were well.
#include "fault.hpp"

namespace {

class Exits : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) { std::exit(0); }
};

}  // namespace

DREAM_TEMPLATE(Exits, "exits_in_run", "1.0.0", "Calls exit(0).")
