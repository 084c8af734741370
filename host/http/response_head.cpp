#include "host/http/response_head.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace dream::host {

namespace {

// As Date has it; made once a second.
const std::string& http_date() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != second) {
    second = now;
    text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
  }
  return text;
}

}  // namespace

std::string response_head(const Response& response, const HeadOptions& options) {
  std::string head;
  head.reserve(256);
  const auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.{} {} {}\r\n", options.version % 10, response.status,
                 reason_phrase(response.status));
  if (!response.content_type.empty())
    fmt::format_to(out, "content-type: {}\r\n", response.content_type);
  if (options.bytes) {
    fmt::format_to(out, "content-length: {}\r\n", *options.bytes);
  } else if (options.version >= 11) {
    head += "transfer-encoding: chunked\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) continue;  // no header injection
    fmt::format_to(out, "{}: {}\r\n", name, value);
  }
  if (!options.keep_alive) head += "connection: close\r\n";
  if (options.keep_alive && options.version < 11) head += "connection: keep-alive\r\n";
  fmt::format_to(out, "date: {}\r\n\r\n", http_date());
  return head;
}

}  // namespace dream::host
