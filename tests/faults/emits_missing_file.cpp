// Fault: gives a file that is not there.
#include "fault.hpp"

namespace {

class EmitsMissingFile : public Healthy {
 public:
  static void describe(dream::Schema<Inputs>& s) {
    Healthy::describe(s);
    s.output<dream::File>();
  }
  void run(const Inputs&, dream::Run& run) { run.emit(dream::File{"/no/such/picture.png"}); }
};

}  // namespace

DREAM_TEMPLATE(EmitsMissingFile, "emits_missing_file", "1.0.0", "Gives a file that is not there.")
