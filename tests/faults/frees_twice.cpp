// Fault: gives the same memory back twice.
#include "fault.hpp"

namespace {

class FreesTwice : public Healthy {
 public:
  void run(const Inputs& in, dream::Run&) {
    char* volatile memory = new char[in.text.size() + 1000];
    char* volatile same = memory;
    delete[] memory;
    delete[] same;
  }
};

}  // namespace

DREAM_TEMPLATE(FreesTwice, "frees_twice", "1.0.0", "Frees memory twice.")
