// Fault: of tier torch, built with another libtorch than any host has.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_DETAIL_NOTE("sdk=1.3;tier=torch;cxx=gcc12;cxx11abi=1;torch=1.0.0;")
DREAM_DETAIL_ENTRY(Healthy, "other_torch", "1.0.0", "Was built with libtorch 1.0.0.")
