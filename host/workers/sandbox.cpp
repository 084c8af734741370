#include "host/workers/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "host/base/paths.hpp"
#include "host/base/unique_fd.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

constexpr rlim_t most_descriptors = 16384;

bool write_file(const char* path, const char* text, std::size_t size) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text, size) == static_cast<ssize_t>(size);
  const int error = errno;
  ::close(fd);
  errno = error;
  return written;
}

bool limit_resource(decltype(RLIMIT_CORE) resource, rlim_t most) noexcept {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  limit.rlim_cur = std::min(limit.rlim_max, most);
  limit.rlim_max = limit.rlim_cur;
  return ::setrlimit(resource, &limit) == 0;
}

passwd find_user(const std::string& user) {
  const bool number = user.find_first_not_of("0123456789") == std::string::npos;
  // The calls that are not thread-safe are made by the host's one thread, before it serves.
  const passwd* found = number ? ::getpwuid(static_cast<uid_t>(std::stoul(user.substr(0, 9))))
                               : ::getpwnam(user.c_str());
  if (found == nullptr)
    throw std::invalid_argument("the worker's user: there is no user '" + user + "'");
  return *found;
}

}  // namespace

SandboxEntry::SandboxEntry(const Sandbox& sandbox)
    : memory_bytes_(sandbox.memory_bytes), read_only_root_(sandbox.read_only_root) {
  uid_ = ::geteuid();
  gid_ = ::getegid();
  if (!sandbox.user.empty()) {
    const passwd user = find_user(sandbox.user);
    other_user_ = user.pw_uid != uid_ || user.pw_gid != gid_;
    uid_ = user.pw_uid;
    gid_ = user.pw_gid;
    int count = 64;
    groups_.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(user.pw_name, gid_, groups_.data(), &count) < 0) {
      groups_.resize(static_cast<std::size_t>(count));
      ::getgrouplist(user.pw_name, gid_, groups_.data(), &count);
    }
    groups_.resize(static_cast<std::size_t>(count));
  }
  for (const auto& folder : sandbox.writable)
    if (fs::is_directory(folder)) writable_.push_back(fs::canonical(folder).string());
  uid_map_ = fmt::format("{0} {0} 1", uid_);
  gid_map_ = fmt::format("{0} {0} 1", gid_);
}

const char* SandboxEntry::enter() const noexcept {
  const bool namespace_first = read_only_root_ && ::unshare(CLONE_NEWNS) == 0;
  if (namespace_first)
    if (const char* failed = lock_mounts()) return failed;
  if (other_user_)
    if (const char* failed = become_user()) return failed;
  if (read_only_root_ && !namespace_first)
    if (const char* failed = own_namespace()) return failed;
  if (!limit_resource(RLIMIT_CORE, 0)) return "forbidding core dumps";
  if (!limit_resource(RLIMIT_NOFILE, most_descriptors)) return "limiting open files";
  if (memory_bytes_ > 0 && !limit_resource(RLIMIT_DATA, memory_bytes_)) return "limiting memory";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "giving up new privileges";
  return nullptr;
}

const char* SandboxEntry::become_user() const noexcept {
  if (::setgroups(groups_.size(), groups_.data()) != 0 || ::setgid(gid_) != 0 ||
      ::setuid(uid_) != 0)
    return "becoming the worker's user (the host must be root)";
  ::prctl(PR_SET_DUMPABLE, 1);  // else /proc/self is root's
  return nullptr;
}

// As an ordinary user: mounts may be changed in a user namespace of one's own.
const char* SandboxEntry::own_namespace() const noexcept {
  static constexpr char what[] =
      "a read-only root (this system does not let the worker have namespaces)";
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return what;
  if (!write_file("/proc/self/setgroups", "deny", 4) ||
      !write_file("/proc/self/uid_map", uid_map_.data(), uid_map_.size()) ||
      !write_file("/proc/self/gid_map", gid_map_.data(), gid_map_.size()))
    return what;
  return lock_mounts();
}

const char* SandboxEntry::lock_mounts() const noexcept {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "a read-only root: mounts of its own";
  for (const auto& folder : writable_)  // a mount each, so that it can differ
    if (::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
      return "a read-only root: keeping a folder writable";
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only) != 0)
    return "a read-only root: locking it (Linux 5.12 is needed)";
  mount_attr writable{};
  writable.attr_clr = MOUNT_ATTR_RDONLY;
  for (const auto& folder : writable_)
    if (::mount_setattr(AT_FDCWD, folder.c_str(), 0, &writable, sizeof writable) != 0)
      return "a read-only root: keeping a folder writable";
  return nullptr;
}

void SandboxEntry::hand_over(const fs::path& folder) const {
  if (!other_user_) return;
  const auto give = [this](const fs::path& path) {
    if (::lchown(path.c_str(), uid_, gid_) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot hand over " + path.string());
  };
  make_private_folder(folder);  // which that user could not
  give(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) give(entry.path());
}

void check_sandbox(const Sandbox& sandbox) {
  const SandboxEntry entry(sandbox);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  const UniqueFd read_end(report[0]);
  UniqueFd write_end(report[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    const char* failed = entry.enter();
    const int error = errno;
    if (failed != nullptr) {
      ssize_t ignored = ::write(report[1], &error, sizeof error);
      ignored = ::write(report[1], failed, std::strlen(failed));
      static_cast<void>(ignored);
    }
    ::_exit(failed == nullptr ? 0 : 1);
  }
  { const UniqueFd closed = std::move(write_end); }
  char answer[256] = {};
  std::size_t size = 0;
  while (size < sizeof answer - 1) {
    const ssize_t got = ::read(read_end.get(), answer + size, sizeof answer - 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (size < sizeof(int)) return;
  int error = 0;
  std::memcpy(&error, answer, sizeof error);
  throw std::runtime_error(fmt::format("the worker cannot be confined: {}: {}",
                                       answer + sizeof error, std::strerror(error)));
}

}  // namespace dream::host
