// The COG_ variables of `dream serve` for which Cog forgives nonsense: a container must not fail
// to start because of one. What is not taken is warned about.
#pragma once

#include <chrono>

namespace dream::host {

// COG_MAX_CONCURRENCY, 1 to 256; 1 if it is unset, 0 or no whole number.
int concurrency_from_environment();

// COG_SETUP_TIMEOUT in whole seconds; 0, which is none, if it is unset or no whole number.
std::chrono::seconds setup_limit_from_environment();

}  // namespace dream::host
