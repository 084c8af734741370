// A file's bytes without reading them: the kernel pages in what is touched. Multi-gigabyte
// checkpoints open in milliseconds, and processes that read the same file share its memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace dream::weights {

// A whole file in memory, whoever holds it (a map, a buffer, a test).
struct FileBytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;  // keeps `data` valid; null when the caller does
  std::string name;                   // what messages call it, usually its path
};

// Maps a regular file read-only. The file must not shrink while the map lives. Throws Error that
// names the path when it is missing, is no regular file or cannot be opened.
FileBytes map_file(const std::filesystem::path& path);

}  // namespace dream::weights
