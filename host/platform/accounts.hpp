// Who may use the platform: tokens, each of an account. Without any the platform is for this
// machine alone and everybody is one account.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/http/message.hpp"

namespace dream::host {

// What a token may have, within what its account may; nothing: no more than that.
struct TokenQuota {
  std::optional<std::int64_t> trainings = {};      // that have not ended
  std::optional<std::int64_t> predictions = {};    // that wait for a host
  std::optional<std::uint64_t> uploads = {};       // bytes
  std::optional<int> prediction_rate = {};         // made in a minute
  std::optional<int> request_rate = {};            // others in a minute
};

// Whose request it is.
struct Caller {
  std::string account;
  std::string token = {};  // a name for it that does not tell it; empty: there are no tokens
  TokenQuota quota = {};
};

class Accounts {
 public:
  static constexpr char everybody[] = "dream";  // the account without tokens, and of plain ones

  Accounts() = default;
  // Entries separated by white space or commas: TOKEN, or ACCOUNT=TOKEN for an account of its own.
  // Behind a token may be quotas of its own: ";trainings=2;predictions=10;uploads=5GB;
  // prediction-rate=60;request-rate=600". Lines that begin with '#' are left out. Throws
  // std::invalid_argument for a token under 8 characters or with others than printable ASCII, and
  // for quotas that are none; the message does not show the token.
  static Accounts parse(std::string_view text);
  // The same from a file. Throws std::invalid_argument that names it.
  static Accounts read(const std::string& file);

  bool empty() const { return tokens_.empty(); }
  // Without tokens, clients may call us by the name in it, too.
  void set_public_url(std::string_view url);
  // The account of "Authorization: Token …" or "Bearer …". Throws Refusal: 401, and 403 where there
  // are no tokens for what another site made a browser send.
  std::string of(const Request& request) const { return caller(request).account; }
  Caller caller(const Request& request) const;

 private:
  struct Entry {
    std::string account;
    std::string digest;  // of the token: compared instead of it
    TokenQuota quota = {};
  };
  bool is_other_name(const Request& request) const;

  std::vector<Entry> tokens_;
  std::string own_name_;
};

}  // namespace dream::host
