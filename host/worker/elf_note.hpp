// Reads a template's ABI note and its exported names from the bytes of the file, so that a library
// that does not fit is refused before dlopen runs any of its code. Trusts nothing in the file.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dream::worker {

// Why a file is not a template. what() is one sentence for users, without the file's name.
class NoteError : public std::runtime_error {
 public:
  enum class Reason { not_elf, truncated, no_note, corrupt };
  NoteError(Reason reason, const std::string& message)
      : std::runtime_error(message), reason_(reason) {}
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

// The `key=value;` pairs of the note, with the two that are always there in parsed form.
struct AbiNote {
  unsigned sdk_major = 0;
  unsigned sdk_minor = 0;
  std::string tier;  // "c" or "torch"
  std::map<std::string, std::string, std::less<>> values;

  // The value of a key, or "" when the note lacks it.
  std::string value(std::string_view key) const;
};

// Finds the note (owner "DREAM", type 1) in the program headers, else in the section headers, of a
// 64-bit little-endian ELF file. Throws NoteError.
AbiNote read_abi_note(std::span<const std::byte> file);

// The note's text, `sdk=1.0;tier=c;…`. Throws NoteError (corrupt) that says what is wrong with it.
AbiNote parse_abi_note(std::string_view text);

// The names that the dynamic symbol table defines, in its order; at most 4096 of them. Empty also
// for a table that makes no sense.
std::vector<std::string> exported_symbols(std::span<const std::byte> file);

// True when the dynamic symbol table defines `name`. False also for a table that makes no sense.
bool exports_symbol(std::span<const std::byte> file, std::string_view name);

}  // namespace dream::worker
