// Fault: dies in a static initialiser, before the host has called anything.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_TEMPLATE(Healthy, "crashes_when_loaded", "1.0.0", "Dies when it is loaded.")
