#include "host/platform/signing.hpp"

#include <openssl/crypto.h>

#include "host/base/text.hpp"
#include "host/webhooks/hmac.hpp"

namespace dream::host {

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::string hex;
  for (const char c : hmac_sha256(key, text)) {
    constexpr char digits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string Capabilities::signature(std::string_view purpose, std::string_view text) const {
  return hmac_sha256_hex(secret_, std::string(purpose) + "\n" + std::string(text)).substr(0, 40);
}

std::string Capabilities::make(std::string_view purpose, const std::string& subject) const {
  return subject + "-" + signature(purpose, subject);
}

std::string Capabilities::make_until(std::string_view purpose, const std::string& subject,
                                     Micros end) const {
  const std::string text = subject + "-" + std::to_string(end / 1'000'000);
  return text + "-" + signature(purpose, text);
}

std::optional<std::string> Capabilities::check(std::string_view purpose,
                                               std::string_view capability) const {
  const std::size_t last = capability.rfind('-');
  if (last == std::string_view::npos) return std::nullopt;
  const std::string_view text = capability.substr(0, last);
  if (!equal_in_constant_time(signature(purpose, text), capability.substr(last + 1)))
    return std::nullopt;
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::string(text);
  const auto end = parse_number<Micros>(text.substr(dash + 1));
  if (!end || now_micros() > *end * 1'000'000) return std::nullopt;
  return std::string(text.substr(0, dash));
}

}  // namespace dream::host
