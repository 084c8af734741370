// One GET of a download, and what of its reply matters: how many bytes there are, whether they can
// be had in ranges, and what tells one version of the file from the next. The failures say whether
// trying again may help.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

// Where a file lies and how it may be asked for.
struct HttpSource {
  std::string url;
  AddressRule addresses = AddressRule::any;
  std::string user_agent = "dream";
  unsigned tries = 5;                           // in a row without a byte, with growing pauses
  const std::atomic<bool>* canceled = nullptr;  // ends it with an error when it turns true
};

// What a server says of a file.
struct RemoteFile {
  std::uint64_t bytes = 0;  // 0: not told
  bool ranges = false;
  std::string etag;           // weak ones begin with W/
  std::string last_modified;  // an HTTP date
  std::string name;           // of Content-Disposition, safe as a file name; may be empty

  // Whether a later request can tell that the file is still this one.
  bool has_validator() const { return !etag.empty() || !last_modified.empty(); }
  // Only a strong ETag promises equal bytes (RFC 9110, 8.8.1).
  bool has_strong_validator() const { return !etag.empty() && !etag.starts_with("W/"); }
  bool same_version(const RemoteFile& other) const {
    return has_validator() && bytes == other.bytes && etag == other.etag &&
           (!etag.empty() || last_modified == other.last_modified);
  }
};

// Trying again may help: a 5xx, a reset, a body that ended early.
struct PassingFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The tries are spent: nobody answers, or not as a server that works would.
struct UnreachableError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The file on the server is not the one that was begun.
struct FileChanged : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct DiskFullError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A request and where its body goes. What comes with another status than `wanted` is not written.
struct HttpGet {
  std::string range;  // "0-99"; empty: the whole file
  long wanted = 200;
  const RemoteFile* version = nullptr;  // what the reply must still be, else FileChanged
  int fd = -1;                          // not negative: bytes are written from `at` on
  std::uint64_t at = 0;
  std::uint64_t limit = UINT64_MAX;            // bytes from here on are not taken
  std::atomic<std::uint64_t>* done = nullptr;  // counts what was written
  const std::atomic<bool>* stop = nullptr;     // ends the request without an error

  long status = 0;  // of the reply
  bool over_limit = false;
  std::string content_range;
  RemoteFile remote;
};

// Performs `get`; redirects are followed, also to other hosts. Throws PassingFailure, FileChanged,
// DiskFullError, or std::runtime_error for what is final.
void perform(const HttpSource& source, HttpGet& get);

// Repeats `action` after each PassingFailure until `source.tries` were in vain, each without a byte
// more in `done`; then throws UnreachableError. Returns early once `stop` holds.
void retry(const HttpSource& source, const std::atomic<bool>& stop,
           const std::atomic<std::uint64_t>& done, const std::function<void()>& action);

// Asks for the first byte alone. Throws as retry() and perform() do.
RemoteFile ask_remote(const HttpSource& source);

[[noreturn]] void fail_download(const std::string& url, const std::string& reason);

}  // namespace dream::host
