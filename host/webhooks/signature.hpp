// Signatures of webhooks as the Standard Webhooks specification has them (v1, symmetric), so that a
// receiver knows who sent one and that nothing was changed on the way.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

// The secrets that deliveries are signed with. Nothing here shows one: errors name its place.
class SigningKeys {
 public:
  static constexpr std::size_t least_bytes = 24;  // of a decoded secret, as specified
  static constexpr std::size_t most_bytes = 64;
  static constexpr std::size_t most_keys = 8;

  SigningKeys() = default;  // none: nothing is signed
  // `text`: secrets of the form "whsec_" and base64, with white space between them. Throws
  // std::invalid_argument for anything else, for none at all and for more than `most_keys`.
  static SigningKeys parse(std::string_view text);
  // The same from a file. Throws std::invalid_argument, naming the file and what is wrong.
  static SigningKeys read(const std::string& file);

  bool empty() const { return keys_.empty(); }
  // The value of webhook-signature: "v1,<base64>" of each key, with spaces between them; a receiver
  // that knows any one of them is content. Throws std::runtime_error if there is no HMAC-SHA256.
  std::string sign(std::string_view id, std::chrono::seconds unix_time,
                   std::string_view body) const;

 private:
  std::vector<std::string> keys_;  // decoded
};

}  // namespace dream::host
