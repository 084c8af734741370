// Base64 for data URLs, in and out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dream::host {

// RFC 4648 §4 with padding, one line.
std::string base64_encode(std::string_view bytes);

// The bytes, or nullopt if the text is not base64. Takes both alphabets (+/ and -_), white space
// between characters and missing padding, as browsers and Python do.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace dream::host
