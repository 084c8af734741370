#include "host/storage/directory_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

namespace dream::host {
namespace {

std::string holder_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  long process = 0;
  return stream >> process ? fmt::format(" (process {})", process) : "";
}

}  // namespace

DirectoryLock::DirectoryLock(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw std::runtime_error(
        fmt::format("the directory {} cannot be made: {}", folder.string(), error.message()));
  const auto file = folder / "lock";
  file_ = UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file_.get() < 0)
    throw std::runtime_error(fmt::format("the directory {} cannot be written: {}", folder.string(),
                                         std::strerror(errno)));
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    const std::string reason = errno == EWOULDBLOCK
                                   ? "is in use by another server" + holder_of(file)
                                   : fmt::format("cannot be locked: {}", std::strerror(errno));
    throw std::runtime_error(fmt::format("the directory {} {}", folder.string(), reason));
  }
  // For people, and for the message above; a full disk is no reason not to start.
  const std::string process = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file_.get(), 0) == 0) {
    [[maybe_unused]] const auto written = ::write(file_.get(), process.data(), process.size());
  }
}

}  // namespace dream::host
