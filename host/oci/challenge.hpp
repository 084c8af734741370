// What a registry asks for with a 401: the header WWW-Authenticate (RFC 9110, 11.6.1).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host::oci {

struct Challenge {
  std::string scheme;                             // in small letters: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in small letters
};

// All challenges of a header, in order. What is malformed ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace dream::host::oci
