// Fetches one large file: in parallel ranges where the server has them, going on after a kill.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "host/downloads/http_get.hpp"

namespace dream::host {

struct LargeDownload {
  HttpSource source;
  std::filesystem::path path;          // where the whole file goes
  std::optional<std::uint64_t> bytes;  // what it must have
  std::optional<std::string> sha256;
  std::uint64_t most_bytes = UINT64_MAX;
  unsigned connections = 4;
  std::optional<RemoteFile> remote;  // what ask_remote() has just said, if it was asked
};

struct DownloadedFile {
  std::uint64_t bytes = 0;
  std::string sha256;
  RemoteFile remote;  // the version that was fetched
};

// `progress(bytes there, bytes in all or 0)` is called about ten times a second.
using DownloadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

// Blocking. Writes to `<path>.partial` with its state beside it in `<path>.partial.json`; both go
// when the file is whole and stay when the download is cut, so that the next call goes on. A file
// that changed on the server meanwhile (ETag, else Last-Modified) begins anew; so does one from a
// server without ranges or without either of them. Throws DiskFullError, UnreachableError, or
// std::runtime_error naming the URL and what went wrong; a wrong size or digest removes what was
// written.
DownloadedFile download_large(const LargeDownload& what, const DownloadProgress& progress);

}  // namespace dream::host
