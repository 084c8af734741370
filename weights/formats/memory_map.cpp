#include "weights/formats/memory_map.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what) {
  throw Error(fmt::format("{}: {}", path.string(), what));
}

// Where files are mapped just now: only there may pages be dropped, other memory would lose its
// contents.
class LiveMaps {
 public:
  void add(const void* address, std::size_t size) {
    const std::lock_guard lock(mutex_);
    maps_[reinterpret_cast<std::uintptr_t>(address)] = size;
  }
  void remove(const void* address) {
    const std::lock_guard lock(mutex_);
    maps_.erase(reinterpret_cast<std::uintptr_t>(address));
  }
  void release(std::uintptr_t begin, std::uintptr_t end) {
    const std::lock_guard lock(mutex_);
    const auto next = maps_.upper_bound(begin);
    if (next == maps_.begin()) return;
    const auto& [address, size] = *std::prev(next);
    if (end > address + size) return;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }

 private:
  std::mutex mutex_;
  std::map<std::uintptr_t, std::size_t> maps_;
};

// Leaked: maps may outlive every static object.
LiveMaps& live_maps() {
  static auto* const maps = new LiveMaps;
  return *maps;
}

}  // namespace

void release_pages(const TensorView& view) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(view.bytes.data());
  const auto begin = (address + page - 1) / page * page;
  const auto end = (address + view.bytes.size()) / page * page;
  if (begin < end) live_maps().release(begin, end);
}

FileBytes map_file(const std::filesystem::path& path) {
  const Descriptor file(path);
  if (file.get() < 0) fail(path, errno == ENOENT ? "no such file" : std::strerror(errno));
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(path, "is a folder, expected a weight file");
  if (!S_ISREG(status.st_mode)) fail(path, "is not a regular file");
  if (status.st_size == 0) return {{}, nullptr, path.string()};

  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail(path, std::strerror(errno));
  live_maps().add(address, size);
  std::shared_ptr<const void> owner(address, [size](void* mapped) {
    live_maps().remove(mapped);
    ::munmap(mapped, size);
  });
  return {{static_cast<const std::byte*>(address), size}, std::move(owner), path.string()};
}

}  // namespace dream::weights
