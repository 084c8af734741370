// Fault: the destructor throws.
#include "fault.hpp"

namespace {

class ThrowsInDestroy : public Healthy {
 public:
  ~ThrowsInDestroy() noexcept(false) { throw std::runtime_error("clean-up failed on purpose"); }
};

}  // namespace

DREAM_TEMPLATE(ThrowsInDestroy, "throws_in_destroy", "1.0.0", "Fails when it ends.")
