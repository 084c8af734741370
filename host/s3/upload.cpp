#include "host/s3/upload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/property_tree/ptree.hpp>
#include <fstream>
#include <system_error>
#include <vector>

#include "host/base/time.hpp"
#include "host/s3/xml.hpp"
#include "host/storage/blobs.hpp"

namespace dream::host::s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_parts = 10000;

// As a query has it: what is neither a letter nor a digit nor one of "-._~" is escaped.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

class FileParts {
 public:
  explicit FileParts(const fs::path& path) : path_(path), file_(path, std::ios::binary) {}

  std::string_view next(std::uint64_t bytes) {
    part_.resize(bytes);
    if (!file_.read(part_.data(), static_cast<std::streamsize>(bytes)))
      throw std::system_error(std::make_error_code(std::errc::io_error), path_.string());
    return part_;
  }

 private:
  fs::path path_;
  std::ifstream file_;
  std::string part_;
};

class PartedUpload {
 public:
  PartedUpload(Client& client, std::string key) : client_(client), key_(std::move(key)) {
    const Reply reply =
        client_.expect({.method = "POST", .key = key_, .query = "uploads="}, "beginning an upload");
    id_ = element(reply.body, "InitiateMultipartUploadResult.UploadId");
    if (id_.empty())
      throw BlobsUnavailable(client_.address().text() + ": the store names no upload id");
  }

  ~PartedUpload() {
    if (done_) return;
    try {
      client_.call({.method = "DELETE", .key = key_, .query = "uploadId=" + escaped(id_)});
    } catch (const BlobsUnavailable&) {  // the next start of a platform gives it back
    }
  }
  PartedUpload(const PartedUpload&) = delete;
  PartedUpload& operator=(const PartedUpload&) = delete;

  void add(std::string_view part) {
    const std::size_t number = etags_.size() + 1;
    const Reply reply = client_.expect(
        {.method = "PUT",
         .key = key_,
         .query = fmt::format("partNumber={}&uploadId={}", number, escaped(id_)),
         .body = part},
        fmt::format("uploading part {}", number));
    if (reply.etag.empty())
      throw BlobsUnavailable(client_.address().text() + ": the store gives a part no ETag");
    etags_.push_back(reply.etag);
  }

  void complete() {
    std::string list = "<CompleteMultipartUpload>";
    for (std::size_t i = 0; i < etags_.size(); ++i)
      list += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                          etags_[i]);
    list += "</CompleteMultipartUpload>";
    const Reply reply = client_.call(
        {.method = "POST", .key = key_, .query = "uploadId=" + escaped(id_), .body = list});
    // An answer that was lost: the upload is no longer there, since the object is.
    const bool was_done =
        reply.status == 404 && client_.call({.method = "HEAD", .key = key_}).good();
    // A store may find out after it has answered 200.
    const bool failed = !reply.good() || !element(reply.body, "Error.Code").empty();
    if (failed && !was_done)
      throw BlobsUnavailable(fmt::format("{}: ending an upload: {}", client_.address().text(),
                                         problem_of(reply)));
    done_ = true;
  }

 private:
  Client& client_;
  std::string key_;
  std::string id_;
  std::vector<std::string> etags_;
  bool done_ = false;
};

}  // namespace

void upload_file(Client& client, const std::string& key, const fs::path& file) {
  const std::uint64_t size = fs::file_size(file);
  FileParts parts(file);
  std::uint64_t part_bytes = client.address().part_bytes;
  if (size <= part_bytes) {
    client.expect({.method = "PUT", .key = key, .body = parts.next(size)}, "storing a blob");
    return;
  }
  part_bytes = std::max(part_bytes, (size + most_parts - 1) / most_parts);
  PartedUpload upload(client, key);
  for (std::uint64_t at = 0; at < size; at += part_bytes)
    upload.add(parts.next(std::min(part_bytes, size - at)));
  upload.complete();
}

void abort_old_uploads(Client& client, std::chrono::system_clock::duration age) {
  const std::string& prefix = client.address().prefix;
  const Reply reply = client.expect(
      {.method = "GET", .query = "prefix=" + escaped(prefix) + "&uploads="}, "listing uploads");
  const std::string limit = rfc3339_ms(std::chrono::system_clock::now() - age);
  each_element(reply.body, "ListMultipartUploadsResult", "Upload", [&](const auto& upload) {
    const auto key = upload.template get<std::string>("Key", "");
    const auto begun = upload.template get<std::string>("Initiated", "");
    // Times of one form compare as texts.
    if (!key.starts_with(prefix) || begun.empty() || begun >= limit) return;
    client.call({.method = "DELETE",
                 .key = key.substr(prefix.size()),
                 .query = "uploadId=" + escaped(upload.template get<std::string>("UploadId", ""))});
  });
}

}  // namespace dream::host::s3
