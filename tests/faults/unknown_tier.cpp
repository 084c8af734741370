// Fault: of a tier that this SDK does not know.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_DETAIL_NOTE("sdk=1.0;tier=gpu;cxx=gcc12;cxx11abi=1;torch=none;")
DREAM_DETAIL_ENTRY(Healthy, "unknown_tier", "1.0.0", "Is of tier gpu.")
