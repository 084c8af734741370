// Files that come as the bodies of requests.
#pragma once

#include <memory>
#include <string>

#include "host/platform/api.hpp"
#include "host/platform/multipart.hpp"

namespace dream::host {

// A body on its way into the blob store.
class BlobSink : public BodySink {
 public:
  BlobSink(BlobStore& store, std::uint64_t limit) : writer_(store.write()), limit_(limit) {}
  std::uint64_t limit() const override { return limit_; }
  void write(std::string_view bytes) override { writer_->write(bytes); }
  virtual Blob finish() { return writer_->finish(); }

 private:
  std::unique_ptr<BlobWriter> writer_;
  std::uint64_t limit_;
};

// The first part of a form: there are clients that put the file they upload into one.
class FormFileSink : public BlobSink {
 public:
  // Throws MultipartError for a type that is no form's.
  FormFileSink(BlobStore& store, std::uint64_t limit, const std::string& content_type);
  void write(std::string_view bytes) override;
  Blob finish() override;  // throws Refusal (422) if it was no form

 private:
  MultipartReader reader_;
  int parts_ = 0;
  std::string problem_;
};

// What the request's BlobSink has taken. Throws Refusal (404) if it has none.
Blob finish_blob(Request& request);

// Before another file of the account: throws Refusal (429) if what it has, which `files` names, is
// as much as may be.
void check_account_bytes(PlatformCore& core, const std::string& account, const char* files);

// A name that needs no escapes in a URL and leads nowhere.
std::string plain_name(const std::string& name);

}  // namespace dream::host
