// The sum that signs webhooks and URLs.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// HMAC-SHA256 (RFC 2104): 32 bytes. Throws std::runtime_error if OpenSSL has none.
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace dream::host
