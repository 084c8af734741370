// Memory for tensors on the CPU. A denoise step makes and drops the same feature maps as the step
// before; the C library gives large blocks back to the system each time, which then clears every
// page anew. Here they are kept, up to 1 GiB, and used again; what the requests of late had no use
// for goes back to the system, so that one large picture does not stay in memory for ever.
#pragma once

#include <cstddef>

namespace dream::engine {

// From now on libtorch takes its CPU memory here. Once per process; later calls do nothing.
void install_cpu_allocator();

// A request has ended. Gives back the blocks that lay idle during the last few.
void age_kept_blocks();

// What is kept now, idle.
std::size_t kept_cpu_bytes();

}  // namespace dream::engine
