// Who we are to a registry: bearer tokens from the server it names, or a name and password with
// each request (distribution, docs/spec/auth).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "host/oci/challenge.hpp"
#include "host/oci/http.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

// What a request needs: "repository:owner/name:pull,push". Several for a mount.
using Scopes = std::set<std::string>;

std::string pull_scope(const std::string& repository);
std::string push_scope(const std::string& repository);

class Authenticator {
 public:
  Authenticator(const RegistryOptions& options, const Control& control, HttpClient& http,
                std::string registry);

  // "Authorization: …" for a request; empty while the registry has not asked for it. A token that
  // is about to run out is renewed. Throws what answer() throws.
  std::string header(const Scopes& scopes, const std::string& repository);
  // Takes in a 401's WWW-Authenticate; the next header() is made anew. Throws LoginError when it
  // asks for what is not known here, InputError for an unsafe token server.
  void answer(const std::string& www_authenticate, const Scopes& scopes);

 private:
  struct Token {
    std::string value;
    std::chrono::steady_clock::time_point ends;
  };

  const std::optional<Login>& login_for(const std::string& repository);
  std::string bearer(const Scopes& scopes, const std::string& repository);
  Token fetch_token(const Scopes& scopes, const std::optional<Login>& login);
  void check_realm(const std::string& realm) const;

  RegistryOptions options_;
  const Control& control_;
  HttpClient& http_;
  std::string registry_;
  std::optional<Challenge> challenge_;
  std::map<Scopes, Token> tokens_;
  std::map<std::string, std::optional<Login>> logins_;  // by repository
};

}  // namespace dream::host::oci
