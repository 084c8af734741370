#include "host/platform/accounts.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "host/base/text.hpp"
#include "host/platform/problem.hpp"
#include "host/platform/signing.hpp"
#include "host/web/same_origin.hpp"

namespace dream::host {
namespace {

constexpr std::size_t least_token = 8;
constexpr std::size_t token_name_digits = 16;
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

// "5GB", "100MB", a number of bytes.
std::optional<std::uint64_t> read_size(std::string_view text) {
  std::uint64_t unit = 1;
  for (const auto& [name, bytes] : {std::pair<std::string_view, std::uint64_t>{"KB", 1'000},
                                    {"MB", 1'000'000},
                                    {"GB", 1'000'000'000},
                                    {"TB", 1'000'000'000'000}}) {
    if (!text.ends_with(name)) continue;
    text.remove_suffix(name.size());
    unit = bytes;
    break;
  }
  const auto number = parse_number<std::uint64_t>(text);
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  if (!number || *number > most / unit) return std::nullopt;
  return *number * unit;
}

// False for a name or a value that is none.
bool read_quota(std::string_view name, std::string_view value, TokenQuota& quota) {
  const auto count = [&](auto& field) {
    using Number = typename std::remove_reference_t<decltype(field)>::value_type;
    const auto number = parse_number<Number>(value);
    if (!number || *number < 1) return false;
    field = number;
    return true;
  };
  if (name == "trainings") return count(quota.trainings);
  if (name == "predictions") return count(quota.predictions);
  if (name == "prediction-rate") return count(quota.prediction_rate);
  if (name == "request-rate") return count(quota.request_rate);
  if (name != "uploads") return false;
  quota.uploads = read_size(value);
  return quota.uploads.has_value();
}

TokenQuota read_quotas(std::string_view text, int token) {
  TokenQuota quota;
  any_part(text, ';', [&](std::string_view part) {
    const std::size_t equals = part.find('=');
    const bool fits = equals != std::string_view::npos &&
                      read_quota(part.substr(0, equals), part.substr(equals + 1), quota);
    if (!fits)
      throw std::invalid_argument(fmt::format(
          "token {}: '{}' is no quota: trainings=N, predictions=N, uploads=SIZE, "
          "prediction-rate=N or request-rate=N, each at least 1",
          token, part));
    return false;
  });
  return quota;
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
    const std::size_t quotas = token.find(';');
    const TokenQuota quota = quotas == std::string_view::npos
                                 ? TokenQuota{}
                                 : read_quotas(token.substr(quotas + 1), number);
    token = token.substr(0, quotas);
    if (token.size() < least_token || !is_printable(token))
      throw std::invalid_argument("token " + std::to_string(number) + " is not a token: at least 8 "
                                  "printable ASCII characters are needed");
    accounts.tokens_.push_back({account, hmac_sha256_hex(digest_key, token), quota});
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

Caller Accounts::caller(const Request& request) const {
  if (tokens_.empty()) {
    // A browser on this machine sends what any site asks of it, and a site's name may be made to
    // point here: without tokens only our own page, and programs, are let in.
    const std::string foreign = foreign_reason(request, is_other_name(request));
    if (!foreign.empty())
      throw Refusal(403, "Without tokens the platform serves this machine alone: " + foreign);
    return {everybody};
  }
  const std::string* const header = request.header("authorization");
  std::string_view given = header == nullptr ? std::string_view() : std::string_view(*header);
  const std::size_t space = given.find(' ');
  const std::string scheme = lower(given.substr(0, space));
  if (space != std::string_view::npos && (scheme == "token" || scheme == "bearer")) {
    const std::string digest = hmac_sha256_hex(digest_key, trimmed(given.substr(space + 1)));
    for (const Entry& entry : tokens_) {
      if (equal_in_constant_time(entry.digest, digest))
        return {entry.account, digest.substr(0, token_name_digits), entry.quota};
    }
  }
  throw Refusal(401, "You did not pass a valid authentication token");
}

}  // namespace dream::host
