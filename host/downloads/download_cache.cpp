#include "host/downloads/download_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/downloads/cache_room.hpp"
#include "host/downloads/file_name.hpp"
#include "weights/inspect.hpp"
#include "weights/sha256.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

using std::chrono::steady_clock;

std::string key_of(const std::string& url) {
  weights::Sha256 digest;
  digest.update(std::as_bytes(std::span(url)));
  return digest.finish();
}

std::int64_t now_ms() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

std::string name_of(const CacheRequest& request, const RemoteFile& remote) {
  return remote.name.empty() ? file_name_of_url(request.url) : remote.name;
}

void remove_folder(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace

// What was fetched from a URL.
struct DownloadCache::Record {
  RemoteFile remote;
  std::string sha256;
  std::string name;
  std::int64_t fetched_ms = 0;  // since 1970, when it was whole
};

std::string CacheReply::summary() const {
  return fmt::format("{}, {}, {:.2f} s", stale ? "hit (the server cannot be asked)"
                                               : hit ? "hit" : "miss",
                     weights::human_bytes(file.bytes()), seconds);
}

DownloadCache::DownloadCache(CacheOptions options) : options_(std::move(options)) {}

CacheReply DownloadCache::fetch(const CacheRequest& request) {
  const auto begun = steady_clock::now();
  const std::string key = key_of(request.url);
  CacheReply reply = fetch_from(request, key);
  reply.seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
  return reply;
}

CacheReply DownloadCache::fetch_from(const CacheRequest& request, const std::string& key) {
  const std::int64_t begun_ms = now_ms();
  const auto kept = [&](const auto& is_current) -> std::optional<CachedFile> {
    const auto record = read_record(key);
    if (!record || !is_current(*record) || (request.sha256 && record->sha256 != *request.sha256))
      return {};
    return open_content(record->sha256, record->name);
  };
  if (request.sha256)
    if (auto file = open_content(*request.sha256, file_name_of_url(request.url)))
      return {std::move(*file), true};
  HttpSource source = source_of(request);
  if (read_record(key)) source.tries = 2;
  RemoteFile remote;
  try {
    remote = ask_remote(source);
  } catch (const UnreachableError&) {
    if (auto file = kept([](const Record&) { return true; })) return {std::move(*file), true, true};
    throw;
  }
  if (remote.bytes > std::min(request.most_bytes, options_.most_bytes))
    fail_download(request.url,
                  fmt::format("it has {}, allowed are {}", weights::human_bytes(remote.bytes),
                              weights::human_bytes(std::min(request.most_bytes,
                                                            options_.most_bytes))));
  const auto is_current = [&](const Record& record) {
    return record.remote.same_version(remote) || record.fetched_ms > begun_ms;
  };
  if (auto file = kept(is_current)) return {std::move(*file), true};
  const UniqueFd lock = lock_url(key, request);
  if (auto file = kept(is_current)) {  // another call fetched it meanwhile
    remove_folder(CacheFolder{options_.folder}.partial(key));
    return {std::move(*file), true};
  }
  const DownloadedFile file = download(request, key, remote);
  const CacheFolder folder{options_.folder};
  if (request.check) {
    try {
      request.check(folder.partial(key) / "file");
    } catch (const std::exception& error) {
      remove_folder(folder.partial(key));
      fail_download(request.url, error.what());
    }
  }
  const std::string name = name_of(request, file.remote);
  CacheReply reply{adopt(folder.partial(key) / "file", file, name)};
  write_record(key, {file.remote, file.sha256, name, now_ms()});
  remove_folder(folder.partial(key));
  if (file.remote.bytes == 0) make_cache_room(folder, options_.most_bytes, 0, "");
  return reply;
}

HttpSource DownloadCache::source_of(const CacheRequest& request) const {
  HttpSource source;
  source.url = request.url;
  source.addresses = options_.addresses;
  source.user_agent = options_.user_agent;
  source.canceled = request.canceled;
  return source;
}

DownloadedFile DownloadCache::download(const CacheRequest& request, const std::string& key,
                                       const RemoteFile& remote) {
  const CacheFolder folder{options_.folder};
  const fs::path place = folder.partial(key);
  const std::uint64_t in_use = make_cache_room(folder, options_.most_bytes, remote.bytes, key);
  if (in_use > 0) {
    remove_folder(place);
    fail_download(request.url,
                  fmt::format("it has {}, and the download cache of {} is full of files in use "
                              "({})",
                              weights::human_bytes(remote.bytes),
                              weights::human_bytes(options_.most_bytes),
                              weights::human_bytes(in_use)));
  }
  LargeDownload what;
  what.source = source_of(request);
  what.path = place / "file";
  what.sha256 = request.sha256;
  what.most_bytes = std::min(request.most_bytes, options_.most_bytes);
  what.remote = remote;
  try {
    for (;;) {
      try {
        return download_large(what, request.progress);
      } catch (const DiskFullError&) {
        if (!evict_one(folder, key)) throw;
      }
    }
  } catch (const DiskFullError&) {
    remove_folder(place);
    throw;
  } catch (...) {  // what a later call can go on with stays
    std::error_code error;
    if (!fs::exists(place / "file.partial.json", error)) remove_folder(place);
    throw;
  }
}

CachedFile DownloadCache::adopt(const fs::path& fetched, const DownloadedFile& file,
                                const std::string& name) {
  const CacheFolder folder{options_.folder};
  const UniqueFd lock = lock_cache(folder);
  {
    const std::lock_guard guard(mutex_);
    sound_.insert(file.sha256);
  }
  if (auto there = open_content(file.sha256, name)) return std::move(*there);
  CachedFile adopted;
  adopted.lock_ = lock_file(fetched, LOCK_SH, true);
  adopted.path_ = folder.content(file.sha256) / name;
  adopted.sha256_ = file.sha256;
  adopted.bytes_ = file.bytes;
  fs::create_directories(adopted.path_.parent_path());
  fs::rename(fetched, adopted.path_);
  return adopted;
}

std::optional<CachedFile> DownloadCache::open_content(const std::string& sha256,
                                                      const std::string& name) {
  const fs::path folder = CacheFolder{options_.folder}.content(sha256);
  std::error_code error;
  const fs::directory_iterator first(folder, error);
  if (error || first == fs::directory_iterator()) return {};
  CachedFile file;
  file.path_ = folder / name;
  if (!fs::exists(file.path_, error)) fs::create_hard_link(first->path(), file.path_, error);
  if (error) file.path_ = first->path();  // a file system without links: under its first name
  file.lock_ = UniqueFd(::open(file.path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.lock_.get() < 0 || ::flock(file.lock_.get(), LOCK_SH) != 0 ||
      ::fstat(file.lock_.get(), &status) != 0 || status.st_nlink == 0)
    return {};
  file.sha256_ = sha256;
  file.bytes_ = static_cast<std::uint64_t>(status.st_size);
  if (!is_sound(file)) {
    remove_folder(folder);
    return {};
  }
  fs::last_write_time(folder, fs::file_time_type::clock::now(), error);
  return file;
}

bool DownloadCache::is_sound(const CachedFile& file) {
  {
    const std::lock_guard lock(mutex_);
    if (sound_.contains(file.sha256_)) return true;
  }
  if (weights::sha256_of_file(file.path_) != file.sha256_) return false;
  const std::lock_guard lock(mutex_);
  sound_.insert(file.sha256_);
  return true;
}

UniqueFd DownloadCache::lock_url(const std::string& key, const CacheRequest& request) const {
  const fs::path path = CacheFolder{options_.folder}.partial(key) / "lock";
  for (;;) {
    fs::create_directories(path.parent_path());
    try {
      UniqueFd lock = lock_file(path, LOCK_EX, false);
      if (lock.get() >= 0 && is_file_at(lock.get(), path)) return lock;
      if (lock.get() >= 0) continue;  // its folder was removed before it was locked
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_file_or_directory) throw;
      continue;
    }
    if (request.canceled != nullptr && *request.canceled) fail_download(request.url, "canceled");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::optional<DownloadCache::Record> DownloadCache::read_record(const std::string& key) const {
  std::ifstream in(CacheFolder{options_.folder}.record(key));
  if (!in) return {};
  try {
    const auto json = nlohmann::json::parse(in);
    RemoteFile remote;
    remote.bytes = json.at("size");
    remote.etag = json.at("etag");
    remote.last_modified = json.at("last_modified");
    return Record{remote, json.at("sha256"), json.at("name"), json.at("fetched_ms")};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

void DownloadCache::write_record(const std::string& key, const Record& record) const {
  const fs::path path = CacheFolder{options_.folder}.record(key);
  const fs::path next = path.string() + ".new";  // the URL's lock is held: nobody else writes it
  const nlohmann::json json = {{"size", record.remote.bytes},
                               {"etag", record.remote.etag},
                               {"last_modified", record.remote.last_modified},
                               {"sha256", record.sha256},
                               {"name", record.name},
                               {"fetched_ms", record.fetched_ms}};
  std::error_code ignored;
  if (std::ofstream out(next); out << json.dump() && out.flush())
    fs::rename(next, path, ignored);
  else
    fs::remove(next, ignored);  // then the next call fetches again
}

DownloadCache::Usage DownloadCache::usage() const {
  Usage usage;
  for (const CacheEntry& entry : cache_entries(CacheFolder{options_.folder}, CachePart::content)) {
    usage.bytes += entry.bytes;
    usage.files += entry.bytes > 0 ? 1 : 0;
  }
  return usage;
}

}  // namespace dream::host
