#include "host/web/same_origin.hpp"

#include <boost/asio/ip/address.hpp>

namespace dream::host {
namespace {

std::string value_of(const Request& request, std::string_view name) {
  const std::string* value = request.header(name);
  return value == nullptr ? "" : *value;
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  const std::size_t colon = host.find(':');
  return colon == host.rfind(':') ? host.substr(0, colon) : host;  // more colons: a bare IPv6
}

}  // namespace

bool is_local_name(std::string_view host) {
  const std::string_view name = without_port(host);
  if (name == "localhost" || name.ends_with(".localhost")) return true;
  boost::system::error_code error;
  boost::asio::ip::make_address(std::string(name), error);
  return !error;
}

std::string foreign_reason(const Request& request, bool local_only) {
  const std::string host = value_of(request, "host");
  const std::string site = value_of(request, "sec-fetch-site");
  if (site == "cross-site" || site == "same-site") return "the request comes from another site";
  const std::string origin = value_of(request, "origin");
  const std::size_t slashes = origin.find("://");
  if (!origin.empty() && (slashes == std::string::npos || origin.substr(slashes + 3) != host))
    return "the request comes from " + origin;
  if (local_only && !is_local_name(host))
    return "'" + host + "' is no name of this machine; use localhost, or listen with --host";
  return "";
}

}  // namespace dream::host
