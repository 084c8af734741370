// What a worker is not allowed to do. Templates are other people's code: a worker never gains
// privileges, leaves no core dumps, and holds a bounded number of descriptors; the rest is opt-in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dream::host {

struct Sandbox {
  // Private memory a worker may have (RLIMIT_DATA: heap, stacks, private mappings; files that are
  // mapped for reading do not count). An allocation beyond it fails as one without memory does. 0:
  // no limit.
  std::uint64_t memory_bytes = 0;
  // The user a worker runs as, a name or a number; empty: the host's own. Needs a host that is
  // root.
  std::string user = {};
  // All file systems read-only, but for `writable`. A mount namespace of the worker's own: needs
  // root, or a kernel that lets users have namespaces.
  bool read_only_root = false;
  std::vector<std::filesystem::path> writable = {};  // folders; those that are missing are left out
};

// A Sandbox, looked up and ready to be entered between fork and exec.
class SandboxEntry {
 public:
  // Throws std::invalid_argument for a user that does not exist.
  explicit SandboxEntry(const Sandbox& sandbox);

  // For the child alone, which has one thread: async-signal-safe calls only. Result: null, or what
  // failed, with its reason in errno.
  const char* enter() const noexcept;

  // Gives a folder and what is in it to the worker's user, if that is not ours. Throws
  // std::system_error.
  void hand_over(const std::filesystem::path& folder) const;

 private:
  const char* lock_mounts() const noexcept;
  const char* become_user() const noexcept;
  const char* own_namespace() const noexcept;

  std::uint64_t memory_bytes_;
  bool read_only_root_;
  bool other_user_ = false;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  std::vector<gid_t> groups_;
  std::vector<std::string> writable_;
  std::string uid_map_;  // of a user namespace: ours to ours
  std::string gid_map_;
};

// Tries it in a child process. Throws std::runtime_error that says what is not possible here.
void check_sandbox(const Sandbox& sandbox);

}  // namespace dream::host
