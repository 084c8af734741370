#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/base/unique_fd.hpp"
#include "host/storage/blobs.hpp"
#include "weights/sha256.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

void make_private_folder(const fs::path& folder) {
  fs::create_directories(folder);
  ::chmod(folder.c_str(), 0700);
}

void sync(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) fail(path);
}

// What processes that were killed have left: nobody holds its lock, and nobody writes to it.
void sweep(const fs::path& folder) {
  constexpr std::chrono::hours old{1};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_regular_file(ignored)) continue;
    if (fs::file_time_type::clock::now() - entry.last_write_time(ignored) < old) continue;
    const UniqueFd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      fs::remove(entry.path(), ignored);
  }
}

class BlobDirectory : public BlobStore {
 public:
  BlobDirectory(const fs::path& folder, AnnounceBlob announce)
      : folder_(fs::absolute(folder)), announce_(std::move(announce)) {
    for (const char* part : {"", "sha256", "incoming"}) make_private_folder(folder_ / part);
    sweep(scratch());
  }

  std::unique_ptr<BlobWriter> write() override;

  Blob adopt(const fs::path& path) override {
    const Blob blob{weights::sha256_of_file(path), fs::file_size(path)};
    sync(path);
    place(path, blob);
    return blob;
  }

  std::optional<BlobFile> open(const std::string& sha256) override {
    if (!is_sha256_hex(sha256) || !fs::is_regular_file(path_of(sha256))) return std::nullopt;
    return BlobFile{path_of(sha256), nullptr};
  }

  void remove(const std::string& sha256) override {
    if (is_sha256_hex(sha256)) fs::remove(path_of(sha256));
  }

  std::vector<std::string> idle_here(std::chrono::seconds age) override {
    std::vector<std::string> idle;
    std::error_code gone;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "sha256", gone)) {
      const std::string name = entry.path().filename().string();
      if (!is_sha256_hex(name)) continue;
      const auto used = entry.last_write_time(gone);
      if (!gone && fs::file_time_type::clock::now() - used >= age) idle.push_back(name);
    }
    return idle;
  }

  bool drop_copy(const std::string&) override { return false; }

  fs::path scratch() const override { return folder_ / "incoming"; }

  // The file's bytes are on the disk; now its name is too.
  void place(const fs::path& from, const Blob& blob) {
    if (announce_) announce_(blob);
    const fs::path to = path_of(blob.sha256);
    if (fs::create_directory(to.parent_path())) sync(folder_ / "sha256");
    fs::rename(from, to);
    sync(to.parent_path());
  }

 private:
  fs::path path_of(const std::string& sha256) const {
    return folder_ / "sha256" / sha256.substr(0, 2) / sha256;
  }

  fs::path folder_;
  AnnounceBlob announce_;
};

class FileWriter : public BlobWriter {
 public:
  explicit FileWriter(BlobDirectory& store)
      : store_(store),
        path_(store.scratch() / new_id()),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (fd_.get() < 0 || ::flock(fd_.get(), LOCK_EX) != 0) fail(path_);
  }

  ~FileWriter() override {
    std::error_code ignored;
    if (!done_) fs::remove(path_, ignored);
  }

  void write(std::string_view bytes) override {
    hash_.update(std::as_bytes(std::span(bytes)));
    bytes_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t part = ::write(fd_.get(), bytes.data(), bytes.size());
      if (part < 0 && errno == EINTR) continue;
      if (part < 0) fail(path_);
      bytes.remove_prefix(static_cast<std::size_t>(part));
    }
  }

  std::uint64_t bytes() const override { return bytes_; }

  Blob finish() override {
    if (::fsync(fd_.get()) != 0) fail(path_);
    Blob blob{hash_.finish(), bytes_};
    store_.place(path_, blob);
    done_ = true;
    return blob;
  }

 private:
  BlobDirectory& store_;
  fs::path path_;
  UniqueFd fd_;
  weights::Sha256 hash_;
  std::uint64_t bytes_ = 0;
  bool done_ = false;
};

std::unique_ptr<BlobWriter> BlobDirectory::write() {
  return std::make_unique<FileWriter>(*this);
}

}  // namespace

std::unique_ptr<BlobStore> open_blob_directory(const fs::path& folder, AnnounceBlob announce) {
  return std::make_unique<BlobDirectory>(folder, std::move(announce));
}

}  // namespace dream::host
