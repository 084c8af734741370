// Files by content: weights, uploads, outputs of trainers. What is stored is there whole or not at
// all, survives the end of the machine, and is the same file for equal bytes.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

struct Blob {
  std::string sha256;  // hexadecimal
  std::uint64_t bytes = 0;
};

// A store elsewhere that does not answer, or refuses; what() says which and why, without secrets.
class BlobsUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Called with what is about to be there, before it is: whoever removes blobs knows of it then.
using AnnounceBlob = std::function<void(const Blob&)>;

// A blob on this machine; the file stays while this lives, and must not be written.
struct BlobFile {
  std::filesystem::path path;
  std::shared_ptr<const void> hold;  // of a store that keeps copies here
};

// A blob that is being written; thrown away unless finish() was reached.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual void write(std::string_view bytes) = 0;  // throws std::system_error: a full disk
  virtual std::uint64_t bytes() const = 0;
  virtual Blob finish() = 0;
};

// Safe from any thread, and for several processes at once. Any call may throw BlobsUnavailable.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual std::unique_ptr<BlobWriter> write() = 0;
  // A finished file is taken over: it is no longer at `path` afterwards. It must lie on the file
  // system of scratch().
  virtual Blob adopt(const std::filesystem::path& path) = 0;
  // Nothing if there is no such blob.
  virtual std::optional<BlobFile> open(const std::string& sha256) = 0;
  // Nothing happens if there is none. Of a store elsewhere within seconds.
  virtual void remove(const std::string& sha256) = 0;
  // Those on this machine that were neither written nor used for `age`.
  virtual std::vector<std::string> idle_here(std::chrono::seconds age) = 0;
  // Of a store elsewhere the copy here goes away. False if blobs lie here alone.
  virtual bool drop_copy(const std::string& sha256) = 0;
  // Where files that are to be adopted are put together.
  virtual std::filesystem::path scratch() const = 0;
  // The process ends: calls to a store elsewhere are broken off.
  virtual void stop() {}
};

// In a directory: sha256/ab/abcdef…, unfinished ones in incoming/. Throws std::system_error if it
// cannot be made or written.
std::unique_ptr<BlobStore> open_blob_directory(const std::filesystem::path& folder,
                                               AnnounceBlob announce = {});

}  // namespace dream::host
