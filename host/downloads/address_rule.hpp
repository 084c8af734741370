// Which addresses a download may connect to. A server that fetches what a stranger names must not
// become his way into its own network, so the rule is kept where it cannot be talked round: at the
// connection, after the name was resolved, for every redirect too.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

struct sockaddr;

namespace dream::host {

enum class AddressRule {
  any,            // of a command line: who asks sits at this machine
  no_link_local,  // of a server that this machine alone reaches: not the cloud's metadata service
  public_only     // of a server that others reach
};

// What keeps `rule` from connecting to `address`, e.g. "a private address"; empty if nothing does.
// Classes as the IANA special-purpose registries have them (RFC 6890); an IPv4 address inside an
// IPv6 one (mapped, NAT64, 6to4) counts as that IPv4 address.
std::string_view refused_as(const sockaddr& address, AddressRule rule);

// Keeps the rule for one libcurl handle; must outlive its transfer. Under `public_only` proxies of
// the environment are not used: behind one the address would not be seen.
class AddressGuard {
 public:
  explicit AddressGuard(AddressRule rule) : rule_(rule) {}
  AddressGuard(const AddressGuard&) = delete;
  AddressGuard& operator=(const AddressGuard&) = delete;

  void watch(CURL* curl);
  // "10.0.0.1 is a private address, …" after a connection that was not made; else empty.
  const std::string& refusal() const { return refusal_; }

 private:
  static curl_socket_t open_socket(void* guard, curlsocktype purpose, curl_sockaddr* address);

  AddressRule rule_;
  std::string refusal_;
};

}  // namespace dream::host
