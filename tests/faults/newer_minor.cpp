// Fault: built for a later minor version of the SDK than the host has.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_DETAIL_NOTE("sdk=1.99;tier=c;cxx=gcc12;cxx11abi=1;torch=none;")
DREAM_DETAIL_ENTRY(Healthy, "newer_minor", "1.0.0", "Built for SDK 1.99.")
