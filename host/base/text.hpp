// Text that came from outside: made safe for JSON, and out of URLs.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string valid_utf8(std::string_view bytes);

// The text with %XX decoded; a broken escape stays as it is. `valid` tells whether the result is
// UTF-8.
std::string percent_decode(std::string_view text, bool& valid);

}  // namespace dream::host
