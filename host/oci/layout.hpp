// An OCI image layout on disk (image-spec, image-layout.md). What others read is there whole or not
// at all: blobs get their names when their digests are known, and index.json is written last.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/base/unique_fd.hpp"
#include "host/oci/control.hpp"
#include "host/oci/manifest.hpp"

namespace dream::host::oci {

class Layout {
 public:
  // An existing one. Throws InputError naming the path when it is no layout.
  static Layout open(const std::filesystem::path& path);
  // For writing: an existing one, or a new one in a folder that is missing or empty. Throws
  // InputError for any other folder, Error when it cannot be written or another process of ours
  // writes to it. While it lives, unfinished files lie in its folder `.dream`.
  static Layout create(const std::filesystem::path& path);
  ~Layout();
  Layout(Layout&&) noexcept = default;
  Layout& operator=(Layout&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path blob_path(const Digest& digest) const;
  // Whether a blob of that size is there. Its content is looked at when it is read.
  bool has(const Descriptor& descriptor) const;

  // index.json as it is; an empty index where there is none yet.
  Document index() const;
  // A manifest, config or another small blob, verified. `where` begins messages. Throws InputError.
  std::string read(const Descriptor& descriptor, const std::string& where) const;
  // Whether the content of a blob is what its digest says: reads all of it.
  bool is_sound(const Descriptor& descriptor, const Control& control) const;

  // Stores small bytes.
  Descriptor write(const std::string& bytes, const std::string& media_type);
  // Where a blob of that digest is put together, piece by piece, also by several calls.
  std::filesystem::path partial_path(const Digest& digest) const;
  // Gives a finished file its name among the blobs. Its content must be what the digest says.
  void adopt(const std::filesystem::path& finished, const Digest& digest);
  // An empty file for a blob whose digest is not known yet.
  std::filesystem::path new_file() const;

  // Puts a manifest or index into index.json, replacing what had the tag. An image that was there
  // without one stays. Writes `oci-layout` too.
  void tag(const Document& descriptor, const std::string& tag);

 private:
  explicit Layout(std::filesystem::path path) : path_(std::move(path)) {}
  void replace(const char* name, std::string_view text);  // a file of the layout's root

  std::filesystem::path path_;
  UniqueFd lock_;  // of a layout that is written
};

// A file that is written once, to its end. Throws Error naming the path.
class FileSink {
 public:
  // `at`: goes on behind that many bytes.
  explicit FileSink(const std::filesystem::path& path, std::uint64_t at = 0);
  void write(std::span<const std::byte> bytes);
  void close();  // with its content on the disk

 private:
  [[noreturn]] void fail() const;

  std::string path_;
  UniqueFd fd_;
};

}  // namespace dream::host::oci
