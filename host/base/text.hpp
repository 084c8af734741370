// Text that came from outside, made safe for JSON.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string valid_utf8(std::string_view bytes);

}  // namespace dream::host
