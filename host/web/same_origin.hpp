// A server on this machine that forwards requests elsewhere must not do so for whatever site the
// user's browser happens to show. Browsers say where a request comes from; this decides.
#pragma once

#include <string>
#include <string_view>

#include "host/http/message.hpp"

namespace dream::host {

// Why a request does not come from our own page, or "" if it may: another Origin, a cross-site
// Sec-Fetch-Site, or, where `local_only`, a Host that is no name of this machine (a foreign name
// made to resolve to it). Programs send none of the first two and are let through.
std::string foreign_reason(const Request& request, bool local_only);

// The name is "localhost", below ".localhost", or an IP address; `host` may have a port.
bool is_local_name(std::string_view host);

}  // namespace dream::host
