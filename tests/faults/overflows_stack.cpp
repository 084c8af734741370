// Fault: calls itself until the stack is spent.
#include "fault.hpp"

namespace {

class OverflowsStack : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) { run.emit(std::to_string(sink(in.text.size()))); }

 private:
  static std::size_t sink(std::size_t depth) {
    if (depth == ~std::size_t{0}) return 0;
    volatile char frame[4096] = {};
    frame[depth % sizeof frame] = 1;
    return sink(depth + 1) + static_cast<std::size_t>(frame[(depth + 1) % sizeof frame]);
  }
};

}  // namespace

DREAM_TEMPLATE(OverflowsStack, "overflows_stack", "1.0.0", "Overflows the stack.")
