// Where one host keeps the files of its predictions: a folder that is gone when the host has ended,
// however it ended. A host that was killed cannot tidy up; the next one does it for it.
#pragma once

#include <filesystem>
#include <string>

#include "host/base/unique_fd.hpp"

namespace dream::host {

class WorkFolder {
 public:
  // Makes "dream-work-<random>" in `base`, which is made too if it is missing, and removes there
  // what hosts that live no more have left. A folder belongs to a host as long as that holds the
  // lock on it (flock), which the system gives back when a process ends. Others may walk through
  // the folder but not list it. Throws std::system_error, naming the folder.
  explicit WorkFolder(const std::filesystem::path& base);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  UniqueFd lock_;
};

// Removes the folders of dead hosts in `base`. Result: how many. Only folders of this user that
// nobody has locked are touched; links are not followed. What cannot be removed stays in silence.
int sweep_work_folders(const std::filesystem::path& base);

}  // namespace dream::host
