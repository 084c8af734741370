#include "host/predictions/work_folder.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

constexpr char prefix[] = "dream-work-";

// Not open at all, or locked by us and of this user.
UniqueFd lock_folder(const fs::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  const bool ours = fd.get() >= 0 && ::fstat(fd.get(), &status) == 0 &&
                    status.st_uid == ::geteuid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  return ours ? std::move(fd) : UniqueFd();
}

}  // namespace

WorkFolder::WorkFolder(const fs::path& base) {
  fs::create_directories(base);
  if (const int swept = sweep_work_folders(base); swept > 0)
    spdlog::info("removed what {} host(s) that ended early had left in {}", swept, base.string());
  const std::string id = new_id();
  const fs::path unlocked = fs::absolute(base) / (".new-" + id);  // no sweep looks at it
  fs::create_directory(unlocked);
  lock_ = lock_folder(unlocked);
  if (lock_.get() < 0)
    throw std::system_error(errno, std::generic_category(), "cannot lock " + unlocked.string());
  fs::permissions(unlocked, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
  path_ = fs::absolute(base) / (prefix + id);
  fs::rename(unlocked, path_);
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

int sweep_work_folders(const fs::path& base) {
  int swept = 0;
  std::error_code error;
  for (fs::directory_iterator entry(base, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path folder = entry->path();
    if (!folder.filename().string().starts_with(prefix)) continue;
    const UniqueFd lock = lock_folder(folder);
    if (lock.get() < 0) continue;
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (!fs::exists(folder, ignored)) ++swept;
  }
  return swept;
}

}  // namespace dream::host
