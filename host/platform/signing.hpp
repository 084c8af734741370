// Names that cannot be guessed: what a URL may do is signed into it, so that it works without a
// login and for nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/storage/clock.hpp"

namespace dream::host {

// HMAC-SHA256 in lower-case hexadecimal. Throws std::runtime_error if there is none.
std::string hmac_sha256_hex(std::string_view key, std::string_view text);
// Takes the same time wherever two texts of one length differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

class Capabilities {
 public:
  // `secret` is shared by all processes of a platform.
  explicit Capabilities(std::string secret) : secret_(std::move(secret)) {}

  // "SUBJECT-SIGNATURE", or "SUBJECT-EXPIRY-SIGNATURE" with Unix seconds. `subject` has letters,
  // digits, '.' and '_' alone. One for a purpose does not serve another.
  std::string make(std::string_view purpose, const std::string& subject) const;
  std::string make_until(std::string_view purpose, const std::string& subject, Micros end) const;
  // The subject of one that is genuine and has not expired.
  std::optional<std::string> check(std::string_view purpose, std::string_view capability) const;

 private:
  std::string signature(std::string_view purpose, std::string_view text) const;

  std::string secret_;
};

}  // namespace dream::host
