#include "host/http/response_head.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace dream::host {

std::string response_head(const Response& response, const HeadOptions& options) {
  std::string head = fmt::format("HTTP/1.{} {} {}\r\n", options.version % 10, response.status,
                                 reason_phrase(response.status));
  if (!response.content_type.empty()) {
    head += fmt::format("content-type: {}\r\n", response.content_type);
  }
  if (options.bytes) {
    head += fmt::format("content-length: {}\r\n", *options.bytes);
  } else if (options.version >= 11) {
    head += "transfer-encoding: chunked\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) continue;  // no header injection
    head += fmt::format("{}: {}\r\n", name, value);
  }
  if (!options.keep_alive) head += "connection: close\r\n";
  if (options.keep_alive && options.version < 11) head += "connection: keep-alive\r\n";
  head +=
      fmt::format("date: {:%a, %d %b %Y %H:%M:%S} GMT\r\n\r\n", fmt::gmtime(std::time(nullptr)));
  return head;
}

}  // namespace dream::host
