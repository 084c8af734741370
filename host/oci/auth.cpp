#include "host/oci/auth.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/base/base64.hpp"
#include "host/base/text.hpp"
#include "host/oci/credentials.hpp"
#include "host/oci/document.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/patience.hpp"
#include "host/oci/reference.hpp"

namespace dream::host::oci {
namespace {

constexpr std::int64_t usual_life_s = 60;  // of a token that does not say
constexpr std::int64_t longest_life_s = 86'400;
constexpr std::chrono::seconds slack{10};  // renewed so long before its end
constexpr char client_id[] = "dream";

std::string parameter(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? "" : found->second;
}

bool is_header_value(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

std::int64_t life_of(const Document& answer) {
  const auto found = answer.find("expires_in");
  if (found == answer.end() || !found->is_number_integer()) return usual_life_s;
  return std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, longest_life_s);
}

std::string basic(const Login& login) {
  return "Authorization: Basic " + base64_encode(login.user + ":" + login.password);
}

}  // namespace

std::string pull_scope(const std::string& repository) {
  return fmt::format("repository:{}:pull", repository);
}
std::string push_scope(const std::string& repository) {
  return fmt::format("repository:{}:pull,push", repository);
}

Authenticator::Authenticator(const RegistryOptions& options, const Control& control,
                             HttpClient& http, std::string registry)
    : options_(options), control_(control), http_(http), registry_(std::move(registry)) {}

const std::optional<Login>& Authenticator::login_for(const std::string& repository) {
  const auto known = logins_.find(repository);
  if (known != logins_.end()) return known->second;
  return logins_.emplace(repository, find_login(options_, registry_, repository)).first->second;
}

std::string Authenticator::header(const Scopes& scopes, const std::string& repository) {
  if (!challenge_) return "";
  if (challenge_->scheme == "bearer") return "Authorization: Bearer " + bearer(scopes, repository);
  const auto& login = login_for(repository);
  if (!login)
    throw LoginError(fmt::format("{} asks for a login, and there is none for it: use `docker "
                                 "login {}`, --username or --credentials",
                                 registry_, registry_),
                     401);
  return basic(*login);
}

void Authenticator::answer(const std::string& www_authenticate, const Scopes& scopes) {
  tokens_.erase(scopes);
  std::optional<Challenge> chosen;
  for (Challenge& challenge : parse_challenges(www_authenticate)) {
    const bool known = challenge.scheme == "bearer" || challenge.scheme == "basic";
    if (known && (!chosen || challenge.scheme == "bearer")) chosen = std::move(challenge);
  }
  if (!chosen)
    throw LoginError(fmt::format("{} refuses access and asks for no login that is known here: "
                                 "WWW-Authenticate is '{}'",
                                 registry_, valid_utf8(www_authenticate.substr(0, 200))),
                     401);
  if (chosen->scheme == "bearer") check_realm(parameter(*chosen, "realm"));
  challenge_ = std::move(chosen);
}

// Passwords go there.
void Authenticator::check_realm(const std::string& realm) const {
  const std::string url = resolve_url(realm, realm);
  const bool in_the_clear = url.starts_with("http:");
  const std::string origin = origin_of(url);
  const std::string host = origin.substr(std::min(origin.size(), origin.find("://") + 3));
  if (url.empty() || (in_the_clear && !options_.plain_http && !is_loopback(host)))
    throw InputError(fmt::format("{} names '{}' as its token server, expected an https URL",
                                 registry_, valid_utf8(realm.substr(0, 200))));
}

std::string Authenticator::bearer(const Scopes& scopes, const std::string& repository) {
  const auto now = std::chrono::steady_clock::now();
  const auto known = tokens_.find(scopes);
  if (known != tokens_.end() && now < known->second.ends) return known->second.value;
  const Token token = fetch_token(scopes, login_for(repository));
  tokens_[scopes] = token;
  return token.value;
}

Authenticator::Token Authenticator::fetch_token(const Scopes& scopes,
                                                const std::optional<Login>& login) {
  const std::string realm = parameter(*challenge_, "realm");
  const std::string service = parameter(*challenge_, "service");
  std::string query = "service=" + url_escape(service);
  for (const std::string& scope : scopes) query += "&scope=" + url_escape(scope);
  HttpRequest request;
  if (login && !login->identity_token.empty()) {
    request.method = "POST";
    request.url = realm;
    request.headers = {"Content-Type: application/x-www-form-urlencoded"};
    request.body = fmt::format("{}&grant_type=refresh_token&client_id={}&refresh_token={}", query,
                               client_id, url_escape(login->identity_token));
  } else {
    request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + query;
    if (login) request.headers = {basic(*login)};
  }
  const std::string where = fmt::format("the token server {}", origin_of(realm));
  Patience patience(options_, control_, "asking " + where);
  for (;;) {
    HttpAnswer answer;
    try {
      answer = http_.perform(request);
    } catch (const ConnectionFailure& failure) {
      patience.wait(failure.what());
      continue;
    }
    if (may_pass(answer.status)) {
      patience.wait(fmt::format("it answered {}", answer.status), answer.retry_after);
      continue;
    }
    if (answer.status != 200)
      throw LoginError(
          fmt::format("{} refuses {}: it answered {}", where,
                      login ? "the login of " + (login->user.empty() ? "a token" : login->user)
                            : "access without a login",
                      answer.status),
          answer.status);
    const Document document = parse_document(answer.body, where);
    std::string value = text_member(document, "token", where);
    if (value.empty()) value = text_member(document, "access_token", where);
    if (value.empty() || !is_header_value(value))
      throw Error(fmt::format("{}: its answer has no usable \"token\"", where));
    const std::chrono::seconds life(life_of(document));
    return {value, std::chrono::steady_clock::now() + std::max(life - slack, life / 2)};
  }
}

}  // namespace dream::host::oci
