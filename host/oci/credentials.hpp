// Logins for registries, from where docker, podman and skopeo keep them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

// The files that are looked at, in order: `options.credentials_file` alone where it is set, else
// $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json or ~/.docker/config.json, and
// $XDG_RUNTIME_DIR/containers/auth.json.
std::vector<std::filesystem::path> credential_files(const RegistryOptions& options);

// The login for a repository: `options.login`, else of the first file that has one. In a file
// "credHelpers" comes first, then "auths" (by registry, or by registry and the longest part of the
// repository), then "credsStore". nullopt: none, so registries are asked as nobody. Throws
// InputError naming the file when it is malformed or was named and is not there, and what
// ask_credential_helper() throws.
std::optional<Login> find_login(const RegistryOptions& options, const std::string& registry,
                                const std::string& repository);

// The same in the text of one file, without helpers. `helper` receives the one to ask, if any.
std::optional<Login> login_in(std::string_view config, const std::string& registry,
                              const std::string& repository, const std::string& where,
                              std::string& helper);

}  // namespace dream::host::oci
