// Fault: built for SDK 2, which no host of SDK 1 can run.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_DETAIL_NOTE("sdk=2.0;tier=c;cxx=gcc12;cxx11abi=1;torch=none;")
DREAM_DETAIL_ENTRY(Healthy, "wrong_major", "1.0.0", "Built for SDK 2.0.")
