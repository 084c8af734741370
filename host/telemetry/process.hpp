// What the kernel says of a process, read from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace dream::host {

struct ProcessUse {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_s = 0;  // user and system, of all its threads
};

// Nothing if there is no such process. `proc`: where /proc lies, for tests.
std::optional<ProcessUse> process_use(pid_t pid, const std::filesystem::path& proc = "/proc");

// Seconds since the Unix epoch; 0 if it cannot be told.
double process_start_time_s(pid_t pid, const std::filesystem::path& proc = "/proc");

// Descriptors that this process has open.
std::size_t open_descriptors();

}  // namespace dream::host
