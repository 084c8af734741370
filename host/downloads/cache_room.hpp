// Room in a download cache's folder: what lies there, how much it is, and what goes first. All
// decisions are made under one lock of the folder, so several processes keep one limit together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/base/unique_fd.hpp"

namespace dream::host {

// The folders of a cache (see download_cache.hpp).
struct CacheFolder {
  std::filesystem::path root;

  std::filesystem::path content(const std::string& sha256) const {
    return root / "content" / sha256;
  }
  std::filesystem::path partial(const std::string& key) const { return root / "partial" / key; }
  std::filesystem::path record(const std::string& key) const {
    return root / "urls" / (key + ".json");
  }
};

// Of a path: an exclusive or shared flock. `wait` false: an empty descriptor when another holds it.
// Throws std::system_error when the file cannot be opened.
UniqueFd lock_file(const std::filesystem::path& path, int how, bool wait);

// Whether `fd` is still the file at `path`: a file that was removed may yet be open and locked.
bool is_file_at(int fd, const std::filesystem::path& path);

// The lock of the whole folder, which is made if needed.
UniqueFd lock_cache(const CacheFolder& folder);

struct CacheEntry {
  std::filesystem::path folder;  // of content/ or partial/
  std::uint64_t bytes = 0;       // of a download under way: what it will have
  std::filesystem::file_time_type used;
};
enum class CachePart { content, partial };
std::vector<CacheEntry> cache_entries(const CacheFolder& folder, CachePart part);

// Removes whole files that nobody uses and downloads that nobody goes on with, the least recently
// used first, until `bytes` more fit below `most`, and notes them as taken by the download `key`.
// Result: 0, else how many bytes are in use and stay.
std::uint64_t make_cache_room(const CacheFolder& folder, std::uint64_t most, std::uint64_t bytes,
                              const std::string& key);

// Removes the least recently used one; false if all are in use.
bool evict_one(const CacheFolder& folder, const std::string& key);

}  // namespace dream::host
