// How registries are spoken to: security, credentials, patience. One struct for builds and pushes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/downloads/address_rule.hpp"

namespace dream::host::oci {

struct Login {
  std::string user;
  std::string password;        // or a registry's token that serves as one
  std::string identity_token;  // of OAuth2, instead of both
};

struct RegistryOptions {
  // HTTP without TLS. A registry on the loopback may do without being asked: it is tried with TLS
  // first. Any other is only spoken to in the clear when this is set.
  bool plain_http = false;
  std::filesystem::path ca_file;           // PEM; empty: the system's. Given, TLS is never left
  std::optional<Login> login;              // before all that files say
  std::filesystem::path credentials_file;  // as docker's config.json; empty: the usual places
  AddressRule addresses = AddressRule::any;

  unsigned tries = 6;                          // of one step in a row, without a byte of progress
  std::chrono::milliseconds first_pause{500};  // doubles with each try, up to 30 s
  std::chrono::seconds longest_wait{120};      // that a Retry-After may ask for
  std::uint64_t chunk_bytes = 64ULL << 20;     // what is larger goes up in pieces of this size
  // Where is kept how far uploads have come, so that another process goes on; empty: nowhere.
  std::filesystem::path upload_memory;
};

}  // namespace dream::host::oci
