// A folder that one process at a time may call its own. The system gives the lock back however the
// process ends.
#pragma once

#include <filesystem>

#include "host/base/unique_fd.hpp"

namespace dream::host {

class DirectoryLock {
 public:
  // Makes the folder if it is missing, and locks the file "lock" in it. Throws std::runtime_error
  // that names the folder: it cannot be made or written, or is in use (and by which process).
  explicit DirectoryLock(const std::filesystem::path& folder);

 private:
  UniqueFd file_;
};

}  // namespace dream::host
