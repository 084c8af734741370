// Fault: gives two values where one is declared.
#include "fault.hpp"

namespace {

class EmitsTwice : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    run.emit(in.text);
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(EmitsTwice, "emits_twice", "1.0.0", "Gives two values for one.")
