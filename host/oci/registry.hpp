// One registry (distribution-spec 1.1): manifests and blobs in and out, with login and patience.
#pragma once

#include <optional>
#include <string>

#include "host/oci/auth.hpp"
#include "host/oci/http.hpp"
#include "host/oci/layout.hpp"
#include "host/oci/manifest.hpp"

namespace dream::host::oci {

class Patience;

class Registry {
 public:
  // `host` as in a Reference. Nothing is sent yet. `control` must outlive the object.
  Registry(std::string host, const RegistryOptions& options, const Control& control);

  const std::string& host() const { return host_; }
  const RegistryOptions& options() const { return options_; }
  const Control& control() const { return control_; }

  // `key`: a tag or a digest; the bytes are compared with the digest. Throws InputError when there
  // is no such image or it is none, and what send() throws.
  Manifest manifest(const std::string& repository, const std::string& key);
  // A config or another small blob, verified.
  std::string document(const std::string& repository, const Descriptor& descriptor);
  // Puts a blob into a layout, going on where an earlier call was cut. One that is there and sound
  // is not fetched. Throws Error when the content is not what the digest says.
  void pull_blob(const std::string& repository, const Descriptor& descriptor, Layout& into);

  bool has_blob(const std::string& repository, const Descriptor& descriptor);
  // Throws RegistryError with what the registry says, Error when it names another digest.
  void put_manifest(const std::string& repository, const std::string& key,
                    const Manifest& manifest);
  // That pushes to the repository would be let in: begins an upload and drops it.
  void check_push(const std::string& repository);

  // A path below /v2/ as a URL.
  std::string url(const std::string& path);
  // One request with the login its scopes need; a 401 is answered once. Throws ConnectionFailure,
  // LoginError for a 401 or 403 that stays.
  HttpAnswer send_once(HttpRequest request, const Scopes& scopes, const std::string& repository);
  // The same, again after what may pass. Throws UnreachableError instead.
  HttpAnswer send(const HttpRequest& request, const Scopes& scopes, const std::string& repository);
  // `answer` as the error it is, with the registry's own words.
  [[noreturn]] void refuse(const HttpAnswer& answer, const std::string& what) const;
  // Where an upload goes on: the answer's Location. Throws Error when it has none, or one that
  // leaves TLS.
  std::string location_of(const HttpAnswer& answer);

 private:
  const std::string& base_url();
  std::string find_base_url();
  bool pull_piece(const std::string& repository, const Descriptor& descriptor, Layout& into,
                  Patience& patience);

  std::string host_;
  RegistryOptions options_;
  const Control& control_;
  HttpClient http_;
  Authenticator auth_;
  std::string base_url_;
};

// "DENIED: requested access to the resource is denied": the errors of an answer's body, cut to what
// a message bears; empty when it has none.
std::string registry_errors(const std::string& body);

}  // namespace dream::host::oci
