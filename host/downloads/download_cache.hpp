// Files from URLs that requests name again and again (LoRAs, embeddings, whole models), kept on
// disk: fetched once however many ask at a time, known again by URL and validator, stored once by
// content, and gone again, least recently used first, when the cache is full.
//
// One folder may serve several processes. Everything is kept by rename and by flock, so a process
// that is killed leaves nothing that another would take for whole, and no lock:
//   content/<sha256>/<name>   whole files; whoever uses one holds a shared lock on it
//   urls/<key>.json           what was fetched from a URL, and the validators it came with
//   partial/<key>/            downloads under way or cut; the next one goes on from there
// where <key> is the sha256 of the URL.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "host/base/unique_fd.hpp"
#include "host/downloads/large_download.hpp"

namespace dream::host {

struct CacheOptions {
  std::filesystem::path folder;           // made when first needed
  std::uint64_t most_bytes = 32ULL << 30;  // of all files together, those in use too
  AddressRule addresses = AddressRule::any;
  std::string user_agent = "dream";
};

// A file of the cache, in use: it stays where it is while this object lives.
class CachedFile {
 public:
  const std::filesystem::path& path() const { return path_; }  // named as the URL or server says
  const std::string& sha256() const { return sha256_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  friend class DownloadCache;
  std::filesystem::path path_;
  std::string sha256_;
  std::uint64_t bytes_ = 0;
  UniqueFd lock_;
};

struct CacheRequest {
  std::string url;                    // http or https
  std::optional<std::string> sha256;  // what it must be; then a hit needs no question to the server
  std::uint64_t most_bytes = UINT64_MAX;
  const std::atomic<bool>* canceled = nullptr;
  DownloadProgress progress = [](std::uint64_t, std::uint64_t) {};
  // Of a file that was just fetched: throws for one that is not what was asked for. Nothing of it
  // is then kept.
  std::function<void(const std::filesystem::path&)> check = {};
};

struct CacheReply {
  CachedFile file;
  bool hit = false;    // nothing was fetched by this call, perhaps by another at the same time
  bool stale = false;  // a hit, though the server could not be asked whether it is the newest
  double seconds = 0;  // that the call took

  // "hit, 12.3 MB, 0.02 s": for the logs.
  std::string summary() const;
};

class DownloadCache {
 public:
  explicit DownloadCache(CacheOptions options);

  // Blocking; safe from any thread. A file that was fetched before is taken if the server says
  // (one small request) that it is still the same version, and if its content still has its digest
  // (looked at once per process). A server that gives neither ETag nor Last-Modified is asked for
  // the file again. Throws std::runtime_error that names the URL: what download_large() throws, and
  // a file that is larger than allowed or for which no room can be made.
  CacheReply fetch(const CacheRequest& request);

  struct Usage {
    std::uint64_t bytes = 0;
    std::size_t files = 0;
  };
  // Whole files only.
  Usage usage() const;

  const CacheOptions& options() const { return options_; }

 private:
  struct Record;
  class Room;

  HttpSource source_of(const CacheRequest& request) const;
  std::optional<Record> read_record(const std::string& key) const;
  void write_record(const std::string& key, const Record& record) const;
  std::optional<CachedFile> open_content(const std::string& sha256, const std::string& name);
  bool is_sound(const CachedFile& file);
  UniqueFd lock_url(const std::string& key, const CacheRequest& request) const;
  CacheReply fetch_from(const CacheRequest& request, const std::string& key);
  DownloadedFile download(const CacheRequest& request, const std::string& key,
                          const RemoteFile& remote);
  CachedFile adopt(const std::filesystem::path& fetched, const DownloadedFile& file,
                   const std::string& name);

  CacheOptions options_;
  std::mutex mutex_;
  std::set<std::string> sound_;  // digests that were compared with their content
};

}  // namespace dream::host
