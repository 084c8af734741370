// How much an account, and a token of it, may have under way at a time.
#pragma once

#include <cstdint>

namespace dream::host {

// 0: no limit.
struct ActiveLimits {
  ActiveLimits(std::int64_t account, std::int64_t token = 0)
      : of_account(account), of_token(token) {}
  std::int64_t of_account;
  std::int64_t of_token;

  bool any() const { return of_account > 0 || of_token > 0; }
};

// What became of something new: kept, or not, since there is as much as may be.
struct Admission {
  enum class Kind { kept, account_is_full, token_is_full } kind = Kind::kept;
  explicit operator bool() const { return kind == Kind::kept; }
};

inline Admission admission(const ActiveLimits& limits, std::int64_t of_account,
                           std::int64_t of_token) {
  using Kind = Admission::Kind;
  if (limits.of_account > 0 && of_account >= limits.of_account) return {Kind::account_is_full};
  if (limits.of_token > 0 && of_token >= limits.of_token) return {Kind::token_is_full};
  return {};
}

}  // namespace dream::host
