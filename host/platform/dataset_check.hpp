// Looks at the archive of pictures that a training begins with, before any compute is spent on it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace dream::host {

struct DatasetLimits {
  std::size_t least_pictures = 1;
  std::size_t most_files = 20'000;
  std::uint64_t most_bytes = 16ULL << 30;  // unpacked
};

// What keeps the archive at `path` from being trained with: "it is no zip archive", "it has 2
// pictures, at least 3 are needed". Empty if nothing does. Files count as pictures by their first
// bytes; hidden ones and those of macOS's "__MACOSX" do not count.
std::string dataset_problem(const std::filesystem::path& path, const DatasetLimits& limits);

}  // namespace dream::host
