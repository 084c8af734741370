#include "host/platform/blob_sink.hpp"

#include <fmt/format.h>

namespace dream::host {
namespace {

constexpr std::size_t longest_name = 200;

}  // namespace

FormFileSink::FormFileSink(BlobStore& store, std::uint64_t limit, const std::string& content_type)
    : BlobSink(store, limit),
      reader_(content_type, {[this](const PartHead&) { ++parts_; },
                             [this](std::string_view bytes) {
                               if (parts_ == 1) BlobSink::write(bytes);
                             },
                             [] {}}) {}

// What is wrong is told once all has come, so that the client reads the answer.
void FormFileSink::write(std::string_view bytes) {
  if (!problem_.empty()) return;
  try {
    reader_.write(bytes);
  } catch (const MultipartError& error) {
    problem_ = error.what();
  }
}

Blob FormFileSink::finish() {
  try {
    if (problem_.empty()) reader_.finish();
  } catch (const MultipartError& error) {
    problem_ = error.what();
  }
  if (problem_.empty() && parts_ == 0) problem_ = "there is nothing in it";
  if (!problem_.empty()) throw Refusal(422, "the form cannot be read: " + problem_);
  return BlobSink::finish();
}

Blob finish_blob(Request& request) {
  const auto sink = std::dynamic_pointer_cast<BlobSink>(request.sink);
  if (!sink) throw Refusal(404, "Not found.");
  return sink->finish();
}

void check_account_bytes(PlatformCore& core, const std::string& account, const char* files) {
  const std::uint64_t most = core.options.limits.account_bytes;
  if (most == 0 || static_cast<std::uint64_t>(core.files.bytes_of(account)) < most) return;
  Refusal refusal(429, fmt::format("Request was throttled. The {} of your account have {} bytes, "
                                   "which is as many as may be",
                                   files, most));
  refusal.retry_after_s = 3600;
  throw refusal;
}

std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name) {
    const bool keeps = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    plain += keeps ? c : '_';
  }
  if (plain.size() > longest_name) plain = plain.substr(plain.size() - longest_name);
  const bool dots = plain.find_first_not_of('.') == std::string::npos;
  return dots ? "file" : plain;
}

}  // namespace dream::host
