#include "host/downloads/cache_room.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr const char* reserved_name = "reserved";
constexpr const char* lock_name = "lock";

// The largest file's: several names in content/ are links to one file. `reserved` is what a
// download under way will have.
std::uint64_t bytes_in(const fs::path& folder, bool reserved) {
  std::uint64_t most = 0;
  if (std::ifstream in(folder / reserved_name); reserved && in) in >> most;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::uint64_t bytes = entry.file_size(error);
    if (!error) most = std::max(most, bytes);
  }
  return most;
}

// What is locked while the entry is in use: a download's lock, or the content itself.
fs::path guard_of(const fs::path& entry) {
  std::error_code error;
  if (fs::exists(entry / lock_name, error)) return entry / lock_name;
  const fs::directory_iterator first(entry, error);
  return error || first == fs::directory_iterator() ? fs::path() : first->path();
}

bool remove_unused(const CacheEntry& entry) {
  std::error_code error;
  UniqueFd lock;
  if (const fs::path guard = guard_of(entry.folder); !guard.empty()) {
    try {
      lock = lock_file(guard, LOCK_EX, false);
    } catch (const std::system_error&) {
      return false;
    }
    if (lock.get() < 0) return false;
  }
  return fs::remove_all(entry.folder, error) > 0 && !error;
}

std::vector<CacheEntry> by_age(const CacheFolder& folder, const std::string& own_key) {
  auto entries = cache_entries(folder, CachePart::content);
  for (auto& entry : cache_entries(folder, CachePart::partial))
    if (entry.folder.filename() != own_key) entries.push_back(std::move(entry));
  std::ranges::sort(entries, {}, &CacheEntry::used);
  return entries;
}

// Notes of URLs whose content is gone.
void forget_gone(const CacheFolder& folder, const std::string& sha256) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder.root / "urls", error)) {
    std::ifstream in(entry.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    if (text.find(sha256) != std::string::npos) fs::remove(entry.path(), error);
  }
}

bool remove_entry(const CacheFolder& folder, const CacheEntry& entry) {
  if (!remove_unused(entry)) return false;
  if (entry.folder.parent_path().filename() == "content")
    forget_gone(folder, entry.folder.filename().string());
  return true;
}

}  // namespace

UniqueFd lock_file(const fs::path& path, int how, bool wait) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (fd.get() < 0) throw std::system_error(errno, std::generic_category(), path.string());
  int result = 0;
  do result = ::flock(fd.get(), wait ? how : how | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result == 0) return fd;
  if (errno == EWOULDBLOCK) return {};
  throw std::system_error(errno, std::generic_category(), "flock " + path.string());
}

bool is_file_at(int fd, const fs::path& path) {
  struct stat open{}, there{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &there) == 0 &&
         open.st_ino == there.st_ino && open.st_dev == there.st_dev;
}

UniqueFd lock_cache(const CacheFolder& folder) {
  for (const char* part : {"content", "urls", "partial"})
    fs::create_directories(folder.root / part);
  return lock_file(folder.root / lock_name, LOCK_EX, true);
}

std::vector<CacheEntry> cache_entries(const CacheFolder& folder, CachePart part) {
  const bool partial = part == CachePart::partial;
  const fs::path place = folder.root / (partial ? "partial" : "content");
  std::vector<CacheEntry> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(place, error)) {
    const auto used = entry.last_write_time(error);
    if (!error) entries.push_back({entry.path(), bytes_in(entry.path(), partial), used});
  }
  return entries;
}

std::uint64_t make_cache_room(const CacheFolder& folder, std::uint64_t most, std::uint64_t bytes,
                              const std::string& key) {
  const UniqueFd lock = lock_cache(folder);
  const auto entries = by_age(folder, key);
  std::uint64_t there = 0;
  for (const CacheEntry& entry : entries) there += entry.bytes;
  for (const CacheEntry& entry : entries) {
    if (there + bytes <= most) break;
    if (remove_entry(folder, entry)) there -= entry.bytes;
  }
  if (there + bytes > most) return there;
  if (bytes > 0) std::ofstream(folder.partial(key) / reserved_name) << bytes;
  return 0;
}

bool evict_one(const CacheFolder& folder, const std::string& key) {
  const UniqueFd lock = lock_cache(folder);
  return std::ranges::any_of(by_age(folder, key), [&](const CacheEntry& entry) {
    return entry.bytes > 0 && remove_entry(folder, entry);
  });
}

}  // namespace dream::host
