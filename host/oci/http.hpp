// One HTTP request and its answer, for registries: bodies from files, answers bounded. Connections
// are kept between requests. Redirects are followed for GET and HEAD alone, and lose the
// Authorization when they lead to another host.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/oci/control.hpp"
#include "host/oci/registry_options.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host::oci {

struct HttpAnswer;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "name: value"; never with a line break in it
  std::string body;                  // used when fd is negative
  int fd = -1;                       // else the body is a part of a file
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::function<void(std::uint64_t)> sent;  // bytes of this body so far
  // Of answers with 200 or 206; others go to `body`. `begin` is called before the first piece.
  std::function<void(const HttpAnswer&)> begin;
  Take take;
  std::size_t most_answer_bytes = 1u << 20;
};

struct HttpAnswer {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in small letters; the last answer's
  std::string body;
  std::string url;  // behind redirects
  std::chrono::seconds retry_after{0};

  std::string header(const std::string& name) const;
};

// Nobody answered, or the connection broke. Trying again may help.
struct ConnectionFailure : std::runtime_error {
  ConnectionFailure(const std::string& what, bool tls) : std::runtime_error(what), no_tls(tls) {}
  bool no_tls;  // the other side does not speak TLS
};

class HttpClient {
 public:
  explicit HttpClient(const RegistryOptions& options, const Control& control);

  // Throws ConnectionFailure, Error (a certificate that is not trusted, an address that is refused,
  // an answer that is too large), Canceled, or what `take` throws.
  HttpAnswer perform(const HttpRequest& request);

 private:
  RegistryOptions options_;
  const Control& control_;
  CurlHandle curl_;
};

// `location` as seen from `base`, both URLs. Empty if it is no http or https URL.
std::string resolve_url(const std::string& base, const std::string& location);
// "https://host:port", with the port that is meant; empty for what is no URL.
std::string origin_of(const std::string& url);
std::string url_escape(const std::string& text);

}  // namespace dream::host::oci
