// Fault: a shared library without the ABI note.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
DREAM_DETAIL_ENTRY(Healthy, "no_note", "1.0.0", "Has no ABI note.")
