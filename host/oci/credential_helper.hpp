// Credential helpers: programs `docker-credential-NAME` that keep logins in a key ring
// (docker/docker-credential-helpers). They read a server's name and answer with JSON.
#pragma once

#include <optional>
#include <string>

#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

// Asks `docker-credential-<name> get` for `server`; it is searched in PATH. nullopt when it has no
// login for it. Throws InputError for a name that is no plain word or a program that is not there,
// Error when it fails, hangs (30 s) or answers nonsense.
std::optional<Login> ask_credential_helper(const std::string& name, const std::string& server);

}  // namespace dream::host::oci
