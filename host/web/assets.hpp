// The files of the pages, host/web/page, as they lie in the binary: an installed server needs no
// folder beside it.
#pragma once

#include <span>
#include <string_view>

namespace dream::host {

struct Asset {
  std::string_view name;        // "main.js", "platform/main.js"
  std::string_view media_type;  // with the charset of texts
  std::string_view bytes;
  std::string_view tag;  // changes with the content; without quotes
};

// All of them, by name. Written by embed.cmake at build time.
std::span<const Asset> assets();

}  // namespace dream::host
