// Fault: an exception leaves a thread of its own, which the barrier cannot see.
#include <thread>

#include "fault.hpp"

namespace {

class ThrowsInThread : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) {
    std::thread([] { throw std::runtime_error("nobody catches this"); }).join();
  }
};

}  // namespace

DREAM_TEMPLATE(ThrowsInThread, "throws_in_thread", "1.0.0", "Throws in a thread of its own.")
