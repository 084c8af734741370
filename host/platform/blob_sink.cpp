#include "host/platform/blob_sink.hpp"

namespace dream::host {
namespace {

constexpr std::size_t longest_name = 200;

}  // namespace

Blob finish_blob(Request& request) {
  const auto sink = std::dynamic_pointer_cast<BlobSink>(request.sink);
  if (!sink) throw Refusal(404, "Not found.");
  return sink->finish();
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
