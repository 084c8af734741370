#include "host/s3/blobs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <vector>

#include "host/base/text.hpp"
#include "host/base/unique_fd.hpp"
#include "host/s3/client.hpp"
#include "host/s3/upload.hpp"

namespace dream::host::s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours old_upload{24};
constexpr std::chrono::seconds removal_limit{5};  // whoever removes holds a lock
constexpr int most_fetches = 6;  // of one blob, each from where the one before ended

std::string key_of(const std::string& sha256) {
  return "sha256/" + sha256.substr(0, 2) + "/" + sha256;
}

// A copy in use: its file is locked against make_room(), in this process and in others.
std::optional<BlobFile> hold(const std::optional<BlobFile>& file) {
  if (!file) return std::nullopt;
  auto fd = std::make_shared<UniqueFd>(::open(file->path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (fd->get() < 0 || ::flock(fd->get(), LOCK_SH) != 0 || ::fstat(fd->get(), &status) != 0 ||
      status.st_nlink == 0)
    return std::nullopt;  // it went away in the meantime
  ::futimens(fd->get(), nullptr);  // used now
  return BlobFile{file->path, std::move(fd)};
}

class S3Blobs : public BlobStore {
 public:
  explicit S3Blobs(const BlobOptions& options)
      : client_(options.address, options.credentials),
        folder_(options.folder),
        most_local_(options.most_local),
        announce_(options.announce),
        local_(open_blob_directory(options.folder)) {
    client_.expect({.method = "GET", .query = "list-type=2&max-keys=1&prefix="}, "the bucket");
    try {
      abort_old_uploads(client_, old_upload);
    } catch (const BlobsUnavailable& error) {  // not every store, nor every login, can list them
      spdlog::warn("{}", error.what());
    }
  }

  std::unique_ptr<BlobWriter> write() override;

  Blob adopt(const fs::path& path) override { return keep(local_->adopt(path)); }

  std::optional<BlobFile> open(const std::string& sha256) override {
    if (auto file = hold(local_->open(sha256))) return file;
    if (!is_sha256_hex(sha256)) return std::nullopt;
    for (int tries = 0; tries < 3; ++tries) {
      if (!fetch(sha256)) return std::nullopt;
      make_room(sha256);
      if (auto file = hold(local_->open(sha256))) return file;
    }
    throw BlobsUnavailable(client_.address().text() + ": a copy goes away faster than it is used");
  }

  void remove(const std::string& sha256) override {
    if (!is_sha256_hex(sha256)) return;
    client_.expect({.method = "DELETE", .key = key_of(sha256), .limit = removal_limit},
                   "removing a blob", true);
    local_->remove(sha256);
  }

  std::vector<std::string> idle_here(std::chrono::seconds age) override {
    return local_->idle_here(age);
  }
  bool drop_copy(const std::string& sha256) override {
    local_->remove(sha256);
    return true;
  }

  fs::path scratch() const override { return local_->scratch(); }
  void stop() override { client_.stop(); }

  // What is here goes to the store, unless that has it.
  Blob keep(const Blob& blob) {
    if (announce_) announce_(blob);
    const std::string key = key_of(blob.sha256);
    const auto file = hold(local_->open(blob.sha256));
    if (!file) throw BlobsUnavailable("a blob went away before it was stored");
    if (!client_.expect({.method = "HEAD", .key = key}, "a blob", true).good())
      upload_file(client_, key, file->path);
    make_room(blob.sha256);
    return blob;
  }

 private:
  // Into the folder; false if the store has it not.
  bool fetch(const std::string& sha256) {
    const auto writer = local_->write();
    for (int tries = 1;; ++tries) {
      const std::uint64_t at = writer->bytes();
      Request request{.method = "GET", .key = key_of(sha256)};
      if (at > 0) request.headers.push_back(fmt::format("Range: bytes={}-", at));
      request.sink = [&](std::string_view bytes) { writer->write(bytes); };
      std::string problem;
      try {
        const Reply reply = client_.call(request);
        if (reply.status == 404) return false;
        if (reply.good() && (at == 0 || reply.status == 206)) break;
        // 416: there was no more, and the connection broke behind the last byte.
        if (at > 0 && reply.status == 416) break;
        throw BlobsUnavailable(fmt::format("{}: fetching a blob: {}", client_.address().text(),
                                           problem_of(reply)));
      } catch (const BlobsUnavailable&) {
        // call() does not try again once it has given us something: that goes on from there.
        if (writer->bytes() == at || tries == most_fetches || client_.stopping()) throw;
      }
    }
    const Blob blob = writer->finish();
    if (blob.sha256 != sha256) {
      local_->remove(blob.sha256);
      throw BlobsUnavailable(fmt::format("{}: the blob {} is damaged: its content is {}",
                                         client_.address().text(), sha256, blob.sha256));
    }
    return true;
  }

  // Takes copies that nobody uses away, the least recently used first, until the rest fits; not
  // that of `but`, which is about to be used.
  void make_room(const std::string& but) {
    if (most_local_ == 0) return;
    struct Copy {
      fs::file_time_type used;
      std::uint64_t bytes;
      fs::path path;
    };
    const std::lock_guard lock(room_);
    std::vector<Copy> copies;
    std::uint64_t total = 0;
    std::error_code gone;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "sha256", gone)) {
      if (!entry.is_regular_file(gone)) continue;
      const Copy copy{entry.last_write_time(gone), entry.file_size(gone), entry.path()};
      if (gone) continue;
      total += copy.bytes;
      if (copy.path.filename() != but) copies.push_back(copy);
    }
    std::ranges::sort(copies, {}, &Copy::used);
    for (const Copy& copy : copies) {
      if (total <= most_local_) return;
      const UniqueFd fd(::open(copy.path.c_str(), O_RDONLY | O_CLOEXEC));
      if (fd.get() < 0 || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;
      if (fs::remove(copy.path, gone)) total -= copy.bytes;
    }
  }

  Client client_;
  fs::path folder_;
  std::uint64_t most_local_;
  AnnounceBlob announce_;
  std::unique_ptr<BlobStore> local_;
  std::mutex room_;
};

class S3Writer : public BlobWriter {
 public:
  S3Writer(S3Blobs& store, std::unique_ptr<BlobWriter> local)
      : store_(store), local_(std::move(local)) {}
  void write(std::string_view bytes) override { local_->write(bytes); }
  std::uint64_t bytes() const override { return local_ ? local_->bytes() : blob_.bytes; }
  Blob finish() override {
    blob_ = local_->finish();
    local_.reset();  // it holds the file for itself alone
    return store_.keep(blob_);
  }

 private:
  S3Blobs& store_;
  std::unique_ptr<BlobWriter> local_;
  Blob blob_;
};

std::unique_ptr<BlobWriter> S3Blobs::write() {
  return std::make_unique<S3Writer>(*this, local_->write());
}

}  // namespace

std::unique_ptr<BlobStore> open_blobs(const BlobOptions& options) {
  return std::make_unique<S3Blobs>(options);
}

}  // namespace dream::host::s3
