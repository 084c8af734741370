// Has the kernel's out-of-memory killer been at work? A worker that got SIGKILL does not know why;
// the counters of its control group, which is ours too, do.
#pragma once

#include <cstdint>
#include <filesystem>

namespace dream::host {

// How many processes it has ended so far in our control group (version 2 or 1); where no group
// tells, on the whole machine. Only a difference of two calls means something. 0 where nothing is
// known. `root`: where /proc and /sys lie, for tests.
std::uint64_t oom_kills(const std::filesystem::path& root = "/");

}  // namespace dream::host
