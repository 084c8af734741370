#include "host/platform/accounts.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "host/base/text.hpp"
#include "host/platform/problem.hpp"
#include "host/platform/signing.hpp"
#include "host/web/same_origin.hpp"

namespace dream::host {
namespace {

constexpr std::size_t least_token = 8;
// Not a secret: it makes tokens of any length comparable in constant time.
constexpr char digest_key[] = "dream platform token";

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") ==
                              std::string_view::npos;
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

std::string without_comments(std::string_view text) {
  std::string kept;
  any_part(text, '\n', [&](std::string_view line) {
    const auto content = trimmed(line, " \t\r");
    if (!content.starts_with('#')) kept += std::string(content) + " ";
    return false;
  });
  return kept;
}

}  // namespace

Accounts Accounts::parse(std::string_view text) {
  Accounts accounts;
  std::string list = without_comments(text);
  for (char& c : list) {
    if (c == ',' || c == '\t' || c == '\r') c = ' ';
  }
  int number = 0;
  any_part(list, ' ', [&](std::string_view entry) {
    if (entry.empty()) return false;
    ++number;
    std::string_view token = entry;
    std::string account = everybody;
    const std::size_t equals = entry.find('=');
    // A token in base64 may end with the sign.
    const bool named = equals != std::string_view::npos && is_name(entry.substr(0, equals)) &&
                       entry.find_first_not_of('=', equals) != std::string_view::npos;
    if (named) {
      account = entry.substr(0, equals);
      token = entry.substr(equals + 1);
    }
    if (token.size() < least_token || !is_printable(token))
      throw std::invalid_argument("token " + std::to_string(number) + " is not a token: at least 8 "
                                  "printable ASCII characters are needed");
    accounts.tokens_.push_back({account, hmac_sha256_hex(digest_key, token)});
    return false;
  });
  return accounts;
}

Accounts Accounts::read(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::invalid_argument("the file of tokens " + file + " cannot be read");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    Accounts accounts = parse(text);
    if (accounts.empty()) throw std::invalid_argument("there is no token in it");
    return accounts;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(file + ": " + error.what());
  }
}

// Browsers send a Host always.
bool Accounts::is_other_name(const Request& request) const {
  const std::string* const host = request.header("host");
  return host != nullptr && (own_name_.empty() || *host != own_name_);
}

void Accounts::set_public_url(std::string_view url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string_view::npos) return;
  own_name_ = url.substr(begin + 3, url.find('/', begin + 3) - begin - 3);
}

std::string Accounts::of(const Request& request) const {
  if (tokens_.empty()) {
    // A browser on this machine sends what any site asks of it, and a site's name may be made to
    // point here: without tokens only our own page, and programs, are let in.
    const std::string foreign = foreign_reason(request, is_other_name(request));
    if (!foreign.empty())
      throw Refusal(403, "Without tokens the platform serves this machine alone: " + foreign);
    return everybody;
  }
  const std::string* const header = request.header("authorization");
  std::string_view given = header == nullptr ? std::string_view() : std::string_view(*header);
  const std::size_t space = given.find(' ');
  const std::string scheme = lower(given.substr(0, space));
  if (space != std::string_view::npos && (scheme == "token" || scheme == "bearer")) {
    const std::string digest = hmac_sha256_hex(digest_key, trimmed(given.substr(space + 1)));
    for (const Entry& entry : tokens_) {
      if (equal_in_constant_time(entry.digest, digest)) return entry.account;
    }
  }
  throw Refusal(401, "You did not pass a valid authentication token");
}

}  // namespace dream::host
