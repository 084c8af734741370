// Fault: exports more than its entry, so that another library could bind to it.
#include "fault.hpp"

extern "C" __attribute__((visibility("default"))) int something_else() {
  return 1;
}
DREAM_TEMPLATE(Healthy, "extra_symbols", "1.0.0", "Exports a symbol of its own.")
