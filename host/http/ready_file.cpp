#include "host/http/ready_file.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace dream::host {

void ReadyFile::create() {
  if (path_.empty()) return;
  is_ours_ = true;
  std::error_code error;
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
  errno = 0;
  if (!error && !std::ofstream(path_).is_open()) error.assign(errno, std::generic_category());
  if (error) spdlog::warn("cannot make the readiness file {}: {}", path_.string(), error.message());
}

void ReadyFile::remove() {
  if (path_.empty()) return;
  is_ours_ = false;
  std::error_code error;
  std::filesystem::remove(path_, error);
  if (error)
    spdlog::warn("cannot remove the readiness file {}: {}", path_.string(), error.message());
}

}  // namespace dream::host
