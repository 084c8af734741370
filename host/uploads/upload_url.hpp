// The addresses of an upload: where a file goes, and what clients are told of it.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// Why `url` cannot take uploads, e.g. "is not an http or https URL"; empty if it can.
std::string upload_url_problem(const std::string& url);

// The file `name` below `base`, percent-encoded: "http://h/up" and "a b.png" give
// "http://h/up/a%20b.png". A query of `base`, such as a signature, stays behind the path.
std::string upload_url(const std::string& base, std::string_view name);

// What a client is told: `url` without query and fragment, which carry signatures.
std::string without_signature(const std::string& url);

}  // namespace dream::host
