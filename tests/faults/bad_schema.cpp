// Fault: a default outside its own limits.
#include "fault.hpp"

namespace {

class BadSchema : public Healthy {
 public:
  struct Inputs {
    int count;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::count, "count").doc("A count").def(11).ge(1).le(10);
  }
  void run(const Inputs&, dream::Run&) {}
};

}  // namespace

DREAM_TEMPLATE(BadSchema, "bad_schema", "1.0.0", "Has a default above its limit.")
