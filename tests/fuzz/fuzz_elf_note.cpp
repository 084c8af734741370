// Arbitrary bytes as a template's shared library, read as the worker does before dlopen.
#include <cstdlib>

#include "host/worker/abi_check.hpp"
#include "host/worker/elf_note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream::worker;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const AbiNote note = read_abi_note(bytes);
    if (note.tier.empty() || note.values.empty()) std::abort();  // what a good note promises
    abi_refusal(note, host_abi());
  } catch (const NoteError& error) {
    if (*error.what() == '\0') std::abort();
  }
  try {
    exports_symbol(bytes, "dream_template_entry");
  } catch (const NoteError&) {
  }
  try {
    parse_abi_note({reinterpret_cast<const char*>(data), size});
  } catch (const NoteError&) {
  }
  return 0;
}
