// Names that come out of untrusted files, made fit for messages, JSON and terminals.
#pragma once

#include <string>
#include <string_view>

namespace dream::weights {

// True for well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

// `text` for a message: control characters and bytes that are not UTF-8 become \xNN, and what is
// longer than `limit` bytes is cut with "…".
std::string printable(std::string_view text, std::size_t limit = 120);

}  // namespace dream::weights
