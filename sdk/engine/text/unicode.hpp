// The Unicode the tokenizer needs: UTF-8, NFC, lower case and three character classes. Its tables
// are generated (tools/generate_unicode_tables.py), because an engine on a bare machine has no ICU
// and ids must not change with the Unicode version of whatever library is around.
#pragma once

#include <string>
#include <string_view>

namespace dream::engine {

// Code points of `bytes`; each maximal ill-formed part becomes one U+FFFD (Unicode 15,
// section 3.9).
std::u32string decode_utf8(std::string_view bytes);

// Appends `code_point` (a Unicode scalar value) as UTF-8.
void append_utf8(char32_t code_point, std::string& bytes);

// Normalization form C (UAX #15). Linear but for runs of combining marks, which are sorted.
std::u32string to_nfc(std::u32string_view text);

// Each code point's lower case, without regard to its neighbours; U+0130 becomes two.
std::u32string to_lower(std::u32string_view text);

bool is_letter(char32_t c);      // general category L
bool is_number(char32_t c);      // general category N
bool is_whitespace(char32_t c);  // property White_Space

}  // namespace dream::engine
