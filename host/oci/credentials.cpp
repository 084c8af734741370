#include "host/oci/credentials.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "host/base/base64.hpp"
#include "host/oci/credential_helper.hpp"
#include "host/oci/document.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace fs = std::filesystem;
namespace {

constexpr char docker_hub[] = "registry-1.docker.io";
constexpr char docker_hub_key[] = "https://index.docker.io/v1/";

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The keys a login may stand under, the most exact first.
std::vector<std::string> keys_for(const std::string& registry, const std::string& repository) {
  std::vector<std::string> keys;
  for (std::string name = registry + "/" + repository; name.size() > registry.size();
       name.resize(name.rfind('/')))
    keys.push_back(name);
  for (const char* const form :
       {"{}", "https://{}", "https://{}/", "https://{}/v1/", "https://{}/v2/", "http://{}"})
    keys.push_back(fmt::format(fmt::runtime(form), registry));
  if (registry == docker_hub) {
    keys.emplace_back(docker_hub_key);
    keys.emplace_back("docker.io");
  }
  return keys;
}

// An entry of "auths"; nullopt for an empty one, which docker leaves where a helper has the login.
std::optional<Login> login_of(const Document& entry, const std::string& where) {
  if (!entry.is_object()) throw InputError(fmt::format("{}: must be an object", where));
  Login login{text_member(entry, "username", where), text_member(entry, "password", where),
              text_member(entry, "identitytoken", where)};
  const std::string packed = text_member(entry, "auth", where);
  if (!packed.empty() && login.user.empty()) {
    const auto plain = base64_decode(packed);
    const std::size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos)
      throw InputError(fmt::format("{}: \"auth\" is not the base64 of USER:PASSWORD", where));
    login.user = plain->substr(0, colon);
    login.password = plain->substr(colon + 1);
    while (login.password.ends_with('\0')) login.password.pop_back();
  }
  if (login.user.empty() && login.identity_token.empty()) return std::nullopt;
  return login;
}

}  // namespace

std::vector<fs::path> credential_files(const RegistryOptions& options) {
  if (!options.credentials_file.empty()) return {options.credentials_file};
  std::vector<fs::path> files;
  if (const std::string named = environment("REGISTRY_AUTH_FILE"); !named.empty())
    files.emplace_back(named);
  if (const std::string folder = environment("DOCKER_CONFIG"); !folder.empty())
    files.push_back(fs::path(folder) / "config.json");
  else if (const std::string home = environment("HOME"); !home.empty())
    files.push_back(fs::path(home) / ".docker/config.json");
  if (const std::string run = environment("XDG_RUNTIME_DIR"); !run.empty())
    files.push_back(fs::path(run) / "containers/auth.json");
  return files;
}

std::optional<Login> login_in(std::string_view config, const std::string& registry,
                              const std::string& repository, const std::string& where,
                              std::string& helper) {
  const Document document = parse_document(config, where);
  const std::vector<std::string> keys = keys_for(registry, repository);
  if (const Document* const helpers = object_member(document, "credHelpers", where)) {
    for (const std::string& key : keys)
      if (helper.empty()) helper = text_member(*helpers, key.c_str(), where);
    if (!helper.empty()) return std::nullopt;
  }
  if (const Document* const logins = object_member(document, "auths", where))
    for (const std::string& key : keys)
      if (const auto entry = logins->find(key); entry != logins->end())
        if (auto login = login_of(*entry, fmt::format("{}: \"auths\".\"{}\"", where, key)))
          return login;
  helper = text_member(document, "credsStore", where);
  return std::nullopt;
}

std::optional<Login> find_login(const RegistryOptions& options, const std::string& registry,
                                const std::string& repository) {
  if (options.login) return options.login;
  for (const fs::path& path : credential_files(options)) {
    std::ifstream in(path, std::ios::binary);
    if (!in && !options.credentials_file.empty())
      throw InputError(fmt::format("{}: cannot be read", path.string()));
    if (!in) continue;
    std::ostringstream text;
    text << in.rdbuf();
    std::string helper;
    auto login = login_in(text.str(), registry, repository, path.string(), helper);
    if (!login && !helper.empty())
      login = ask_credential_helper(helper, registry == docker_hub ? docker_hub_key : registry);
    if (login) return login;
  }
  return std::nullopt;
}

}  // namespace dream::host::oci
