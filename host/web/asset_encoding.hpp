// How a file of the page goes over the wire: compressed for those who take it, and not at all for
// those who have it already.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// Whether an Accept-Encoding header allows gzip: it names gzip, or "*", with a weight above 0.
bool accepts_gzip(std::string_view accept_encoding);

// The bytes in gzip form (RFC 1952). Throws std::runtime_error if zlib cannot work.
std::string gzip(std::string_view bytes);

// Whether an If-None-Match header names the entity tag (given without quotes), or is "*". Weak tags
// count, as RFC 9110 13.1.2 has it for GET.
bool names_tag(std::string_view if_none_match, std::string_view tag);

}  // namespace dream::host
