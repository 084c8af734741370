// Fault: takes memory and uses it, 16 MiB at a time, until it has what it was told to take.
#include <memory>
#include <vector>

#include "fault.hpp"

namespace {

class EatsMemory {
 public:
  struct Inputs {
    int mebibytes;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::mebibytes, "mebibytes").doc("How much").def(64).ge(0).le(100000);
    s.output<int>();
  }
  void run(const Inputs& in, dream::Run& run) {
    std::vector<std::vector<char>> eaten;
    for (int taken = 0; taken < in.mebibytes; taken += 16) {
      run.checkpoint();
      eaten.emplace_back(16 << 20, static_cast<char>(taken + 1));
    }
    run.emit(static_cast<int>(eaten.size()) * 16);
  }
};

}  // namespace

DREAM_TEMPLATE(EatsMemory, "eats_memory", "1.0.0", "Takes memory.")
