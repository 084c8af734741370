// Fault: gives a number where a text is declared.
#include "fault.hpp"

namespace {

class EmitsWrongType : public Healthy {
 public:
  void run(const Inputs&, dream::Run& run) { run.emit(7); }
};

}  // namespace

DREAM_TEMPLATE(EmitsWrongType, "emits_wrong_type", "1.0.0", "Gives a number for a text.")
