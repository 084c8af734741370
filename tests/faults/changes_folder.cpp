// Fault: changes the process's working directory.
#include <unistd.h>

#include "fault.hpp"

namespace {

class ChangesFolder : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    if (chdir("/") != 0) throw dream::Error("cannot change to /");
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(ChangesFolder, "changes_folder", "1.0.0", "Changes the working directory.")
