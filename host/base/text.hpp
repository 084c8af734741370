// Text that came from outside: made safe for JSON, out of URLs, lists and numbers in it.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace dream::host {

// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string valid_utf8(std::string_view bytes);

// The text with %XX decoded; a broken escape stays as it is. `valid` tells whether the result is
// UTF-8.
std::string percent_decode(std::string_view text, bool& valid);

// ASCII letters made small, all else as it is.
std::string lower(std::string_view text);

// Without any of `spaces` at its ends.
std::string_view trimmed(std::string_view text, std::string_view spaces = " ");

// Not empty, and digits and a to f alone.
bool is_lower_hex(std::string_view text);
// What a SHA-256 is written as: 64 lower-case hexadecimal digits.
bool is_sha256_hex(std::string_view text);

// Calls visit(part) for the parts of a list; stops when it returns true, which is the result. An
// empty list has one part, which is empty.
template <typename Visit>
bool any_part(std::string_view list, char separator, Visit visit) {
  while (true) {
    const std::size_t end = list.find(separator);
    if (visit(list.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

// The whole text as a number; nothing if anything else is in it, a space or a plus sign too.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace dream::host
