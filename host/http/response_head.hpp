// Status line and header fields of an answer as they go over the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/http/message.hpp"

namespace dream::host {

struct HeadOptions {
  unsigned version = 11;  // of HTTP: 10 or 11
  bool keep_alive = true;
  std::optional<std::uint64_t> bytes = {};  // of the body; unset: it is streamed, under 1.1 chunked
};

// Up to the empty line. Header fields with a line break in their value are left out.
std::string response_head(const Response& response, const HeadOptions& options);

}  // namespace dream::host
