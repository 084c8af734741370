// Names of images in registries, as the distribution project spells them:
// HOST[:PORT]/REPOSITORY[:TAG][@sha256:…].
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/oci/digest.hpp"

namespace dream::host::oci {

struct Reference {
  std::string registry;    // "r8.im", "localhost:5000", "[::1]:5000"
  std::string repository;  // "owner/name"
  std::string tag;         // may be empty
  std::optional<Digest> digest;

  // What a manifest is asked for by: the digest, else the tag, else "latest".
  std::string manifest_key() const;
  std::string text() const;
};

// Throws InputError that names the text and what is wrong. A name without a registry is refused:
// what it means differs between tools. "docker.io/name" is Docker Hub's "library/name".
Reference parse_reference(std::string_view text);

// Whether the part of `text` before the first slash can only be a registry: it has a dot or a port,
// or is "localhost".
bool begins_with_registry(std::string_view text);

bool is_tag(std::string_view text);
bool is_repository(std::string_view text);

// "localhost", "127.0.0.1:5000", "[::1]:5000", "registry.localhost".
bool is_loopback(std::string_view registry);

}  // namespace dream::host::oci
