#include "host/platform/blob_sink.hpp"

#include <fmt/format.h>

namespace dream::host {
namespace {

constexpr std::size_t longest_name = 200;

}  // namespace

void FormBody::write(std::string_view bytes) {
  if (!problem_.empty()) return;
  try {
    reader_.write(bytes);
  } catch (const MultipartError& error) {
    problem_ = error.what();
  }
}

void FormBody::finish() {
  try {
    if (problem_.empty()) reader_.finish();
  } catch (const MultipartError& error) {
    problem_ = error.what();
  }
  if (!problem_.empty()) throw Refusal(422, "the form cannot be read: " + problem_);
}

FormFileSink::FormFileSink(BlobStore& store, std::uint64_t limit, const std::string& content_type)
    : BlobSink(store, limit),
      store_(store),
      form_(content_type, {[this](const PartHead& head) { begin(head); },
                           [this](std::string_view bytes) { take(bytes); }, [] {}}) {}

void FormFileSink::begin(const PartHead& head) {
  const bool is_file = !head.file_name.empty();
  is_taking_ = parts_ == 0 || (is_file && !has_file_);
  if (is_taking_ && parts_ > 0) restart(store_);
  if (is_taking_ && is_file) {
    has_file_ = true;
    file_name_ = head.file_name;
  }
  ++parts_;
}

void FormFileSink::take(std::string_view bytes) {
  if (is_taking_) BlobSink::write(bytes);
}

Blob FormFileSink::finish() {
  form_.finish();
  if (parts_ == 0) throw Refusal(422, "the form cannot be read: there is nothing in it");
  return BlobSink::finish();
}

Blob finish_blob(Request& request) {
  const auto sink = std::dynamic_pointer_cast<BlobSink>(request.sink);
  if (!sink) throw Refusal(404, "Not found.");
  return sink->finish();
}

void check_bytes(PlatformCore& core, const Caller& caller, const char* files) {
  const auto check = [&](const char* whose, std::uint64_t most, std::int64_t has) {
    if (static_cast<std::uint64_t>(has) < most) return;
    Refusal refusal(429, fmt::format("Request was throttled. The {} of your {} have {} bytes, "
                                     "which is as many as may be",
                                     files, whose, most));
    refusal.retry_after_s = 3600;
    throw refusal;
  };
  const std::uint64_t of_account = core.options.limits.account_bytes;
  if (of_account > 0) check("account", of_account, core.files.bytes_of(caller.account));
  if (caller.quota.uploads)
    check("token", *caller.quota.uploads, core.files.bytes_of_token(caller.account, caller.token));
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
