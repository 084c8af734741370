// Ctrl-C as a flag, for commands whose work blocks and looks at it now and then.
#pragma once

#include <atomic>

namespace dream::host {

// From here on the first SIGINT or SIGTERM sets the flag; the second one ends the process.
const std::atomic<bool>& interrupt_flag();

}  // namespace dream::host
