#include "weights/formats/output_folder.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path) {
  const std::error_code error(errno, std::generic_category());
  throw Error(fmt::format("{}: cannot be made: {}", path.string(), error.message()));
}

// The names in a folder are data of their own. File systems without fsync of folders say EINVAL.
void flush(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail(folder);
  const bool flushed = ::fsync(fd) == 0 || errno == EINVAL;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!flushed) fail(folder);
}

}  // namespace

OutputFolder::OutputFolder(fs::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "folder/"
  temporary_ = path_.string() + ".XXXXXX";
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path());
  if (::mkdtemp(temporary_.data()) == nullptr) fail(path_);
  fs::permissions(temporary_, fs::perms(0755));
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void OutputFolder::commit() {
  flush(temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_);
  temporary_.clear();
  flush(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

}  // namespace dream::weights
