// Files that come as the bodies of requests.
#pragma once

#include <memory>
#include <string>

#include "host/platform/api.hpp"

namespace dream::host {

// A body on its way into the blob store.
class BlobSink : public BodySink {
 public:
  BlobSink(BlobStore& store, std::uint64_t limit) : writer_(store.write()), limit_(limit) {}
  std::uint64_t limit() const override { return limit_; }
  void write(std::string_view bytes) override { writer_->write(bytes); }
  Blob finish() { return writer_->finish(); }

 private:
  std::unique_ptr<BlobWriter> writer_;
  std::uint64_t limit_;
};

// What the request's BlobSink has taken. Throws Refusal (404) if it has none.
Blob finish_blob(Request& request);

// A name that needs no escapes in a URL and leads nowhere.
std::string plain_name(const std::string& name);

}  // namespace dream::host
