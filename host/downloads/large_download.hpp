// Fetches one large file: in parallel ranges where the server has them, going on after a kill.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace dream::host {

struct LargeDownload {
  std::string url;
  std::filesystem::path path;          // where the whole file goes
  std::optional<std::uint64_t> bytes;  // what it must have
  std::optional<std::string> sha256;
  unsigned connections = 4;
  unsigned tries = 5;  // in a row without a byte, with growing pauses
};

struct DownloadedFile {
  std::uint64_t bytes = 0;
  std::string sha256;
};

// `progress(bytes there, bytes in all or 0)` is called about five times a second.
using DownloadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

// Blocking. Writes to `<path>.partial` with its state beside it in `<path>.partial.json`; both go
// when the file is whole and stay when the download is cut, so that the next call goes on. A server
// without ranges or without an ETag is asked again from the start; a file that changed on the
// server (If-Range) too. Throws std::runtime_error naming the URL and what went wrong; a wrong size
// or digest removes what was written.
DownloadedFile download_large(const LargeDownload& what, const DownloadProgress& progress);

}  // namespace dream::host
