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

 protected:
  // What was written is thrown away.
  void restart(BlobStore& store) { writer_ = store.write(); }

 private:
  std::unique_ptr<BlobWriter> writer_;
  std::uint64_t limit_;
};

// A form whose problems are told once all of it has come, so that the client reads the answer.
class FormBody {
 public:
  // Throws MultipartError for a type that is no form's.
  FormBody(const std::string& content_type, MultipartReader::Events events)
      : reader_(content_type, std::move(events)) {}
  void write(std::string_view bytes);
  // No bytes follow. Throws Refusal (422) if it was no form.
  void finish();

 private:
  MultipartReader reader_;
  std::string problem_;
};

// The first part of a form that is a file, else the first: there are clients that put the file they
// upload into one.
class FormFileSink : public BlobSink {
 public:
  // Throws MultipartError for a type that is no form's.
  FormFileSink(BlobStore& store, std::uint64_t limit, const std::string& content_type);
  void write(std::string_view bytes) override { form_.write(bytes); }
  Blob finish() override;  // throws Refusal (422) if it was no form, or there is no part in it
  const std::string& file_name() const { return file_name_; }

 private:
  void begin(const PartHead& head);
  void take(std::string_view bytes);

  BlobStore& store_;
  FormBody form_;
  int parts_ = 0;
  bool is_taking_ = false;  // what comes belongs to the part that is kept
  bool has_file_ = false;
  std::string file_name_;
};

// What the request's BlobSink has taken. Throws Refusal (404) if it has none.
Blob finish_blob(Request& request);

// Before another file: throws Refusal (429) if what the account or the token has, which `files`
// names, is as much as may be.
void check_bytes(PlatformCore& core, const Caller& caller, const char* files);

// A name that needs no escapes in a URL and leads nowhere.
std::string plain_name(const std::string& name);

}  // namespace dream::host
