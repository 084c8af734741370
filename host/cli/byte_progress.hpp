// Progress of work that is counted in bytes: "unet.bin: 1.2 GiB of 3.2 GiB, 98.1 MiB/s" on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/cli/progress_bar.hpp"

namespace dream::host {

class ByteProgress {
 public:
  // Five times a second on a terminal, every five seconds elsewhere; `all` is 0 where it is not
  // known. The speed is that since the first call for this name.
  void show(const std::string& name, std::uint64_t there, std::uint64_t all);
  // Whole lines of text above it.
  void print(std::string_view lines) { bar_.print(lines); }

 private:
  std::string name_;
  std::uint64_t first_ = 0;
  std::chrono::steady_clock::time_point begun_, shown_;
  ProgressBar bar_{stderr};
};

}  // namespace dream::host
