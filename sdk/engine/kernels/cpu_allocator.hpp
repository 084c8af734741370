// Memory for tensors on the CPU. A denoise step makes and drops the same feature maps as the step
// before; the C library gives large blocks back to the system each time, which then clears every
// page anew. Here they are kept, up to 1 GiB, and used again.
#pragma once

namespace dream::engine {

// From now on libtorch takes its CPU memory here. Once per process; later calls do nothing.
void install_cpu_allocator();

}  // namespace dream::engine
